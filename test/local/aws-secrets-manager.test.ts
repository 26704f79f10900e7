import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { AwsStandIn } from '../../local/aws/aws';
import { StandInClock } from '../../local/stand-in-clock';
import { AwsClients } from './aws-clients';

const HOUR_MS = 60 * 60_000;
const REGISTRY = 'http://127.0.0.1:1';

let clock: StandInClock;
let aws: AwsStandIn;
let clients: AwsClients;

beforeEach(async () => {
  clock = new StandInClock();
  aws = new AwsStandIn(clock, () => REGISTRY);
  await aws.listen();
  clients = new AwsClients(aws);
});

afterEach(async () => {
  clients.close();
  await aws.close();
});

describe('SecretsManagerStandIn', () => {
  it('returns the current version by name, by ARN, and by ARN without its suffix', async () => {
    const createdDate = new Date('2026-01-02T03:04:05Z');
    aws.secrets.put('runpod/api-key', 'old');
    aws.secrets.put('runpod/api-key', 'new', createdDate);
    const byName = await clients.secrets().send(new GetSecretValueCommand({ SecretId: 'runpod/api-key' }));

    const ids = [byName.ARN, byName.ARN?.slice(0, -7)];
    const others = await Promise.all(
      ids.map((SecretId) => clients.secrets().send(new GetSecretValueCommand({ SecretId }))),
    );

    expect(byName).toMatchObject({
      Name: 'runpod/api-key',
      ARN: expect.stringMatching(/^arn:aws:secretsmanager:us-east-1:\d{12}:secret:runpod\/api-key-\w{6}$/),
      SecretString: 'new',
      VersionStages: ['AWSCURRENT'],
      CreatedDate: createdDate,
    });
    expect(others.map(({ SecretString }) => SecretString)).toEqual(['new', 'new']);
    expect(aws.secrets.get('runpod/api-key')).toMatchObject({ value: 'new', versionId: byName.VersionId });
  });

  it('returns the previous version by stage and by id', async () => {
    aws.secrets.put('key', 'old');
    const versionId = aws.secrets.get('key')?.versionId;
    aws.secrets.put('key', 'new');
    const get = (version: object) =>
      clients.secrets().send(new GetSecretValueCommand({ SecretId: 'key', ...version }));

    const [byStage, byId] = [await get({ VersionStage: 'AWSPREVIOUS' }), await get({ VersionId: versionId })];

    expect(byStage).toMatchObject({ SecretString: 'old', VersionStages: ['AWSPREVIOUS'] });
    expect(byId).toMatchObject({ SecretString: 'old', VersionId: versionId });
    await expect(get({ VersionStage: 'OTHER' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: expect.stringContaining('staging label: OTHER'),
    });
  });

  it('creates a secret, takes a new value of it, and describes both', async () => {
    const client = clients.secrets();
    const made = await client.send(new CreateSecretCommand({ Name: 'key', SecretString: 'one' }));
    const before = await client.send(new DescribeSecretCommand({ SecretId: 'key' }));
    clock.advance(HOUR_MS);
    const put = await client.send(new PutSecretValueCommand({ SecretId: 'key', SecretString: 'two' }));
    const after = await client.send(new DescribeSecretCommand({ SecretId: 'key' }));

    expect(made).toMatchObject({ Name: 'key', ARN: put.ARN, VersionId: expect.any(String) });
    expect(put.VersionStages).toEqual(['AWSCURRENT']);
    expect(before.VersionIdsToStages).toEqual({ [made.VersionId ?? '']: ['AWSCURRENT'] });
    expect(after.VersionIdsToStages).toEqual({
      [made.VersionId ?? '']: ['AWSPREVIOUS'],
      [put.VersionId ?? '']: ['AWSCURRENT'],
    });
    expect(after.CreatedDate).toEqual(before.CreatedDate);
    const laterMs = (after.LastChangedDate?.getTime() ?? 0) - (before.LastChangedDate?.getTime() ?? 0);
    expect(laterMs).toBeGreaterThanOrEqual(HOUR_MS - 1);
    expect(aws.secrets.get('key')?.value).toBe('two');
  });

  it('reports errors as AWS does', async () => {
    const client = clients.secrets();
    aws.secrets.put('there', 'value');

    await expect(client.send(new GetSecretValueCommand({ SecretId: 'gone' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(
      client.send(new PutSecretValueCommand({ SecretId: 'gone', SecretString: 'x' })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(
      client.send(new CreateSecretCommand({ Name: 'there', SecretString: 'x' })),
    ).rejects.toMatchObject({ name: 'ResourceExistsException' });
    await expect(client.send(new CreateSecretCommand({ Name: 'empty' }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
    expect(aws.secrets.get('there')?.value).toBe('value');
  });

  it('does not find a secret that was removed', async () => {
    aws.secrets.put('key', 'value');
    aws.secrets.remove('key');

    await expect(
      clients.secrets().send(new GetSecretValueCommand({ SecretId: 'key' })),
    ).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});
