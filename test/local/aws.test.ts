import { GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { AwsStandIn } from '../../local/aws/aws';
import { StandInClock } from '../../local/stand-in-clock';
import { AwsClients, ROLE } from './aws-clients';
import { sendRequest, type TestAnswer } from './send-request';

const REGISTRY = 'http://127.0.0.1:1';

let aws: AwsStandIn;
let clients: AwsClients;

beforeEach(async () => {
  aws = new AwsStandIn(new StandInClock(), () => REGISTRY);
  await aws.listen();
  clients = new AwsClients(aws);
});

afterEach(async () => {
  clients.close();
  await aws.close();
});

describe('StsStandIn', () => {
  it('lets callers assume only known roles, with the right external id', async () => {
    aws.sts.addRole(ROLE, { externalId: 'agreed' });
    const attempt = (params: object) => clients.assumed(params)();

    const credentials = await attempt({ ExternalId: 'agreed' });

    expect(credentials.expiration?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000);
    for (const refused of [{}, { ExternalId: 'other' }, { RoleArn: 'arn:aws:iam::1:role/<no>' }]) {
      await expect(attempt(refused)).rejects.toMatchObject({
        name: 'AccessDenied',
        message: expect.stringContaining('is not authorized to perform: sts:AssumeRole on resource: arn:'),
      });
    }
  });

  it('returns the identity of the caller', async () => {
    aws.sts.addRole(ROLE);
    const { accessKeyId } = await clients.assumed()();

    const own = await query('GetCallerIdentity', 'AKIAOWN');
    const other = await query('GetCallerIdentity', accessKeyId);

    expect(own.status).toBe(200);
    expect(own.text).toContain('<Account>123456789012</Account>');
    expect(other.text).toContain('<Arn>arn:aws:sts::210987654321:assumed-role/pull/embedded</Arn>');
    expect(other.text).toContain('<Account>210987654321</Account>');
  });
});

describe('AwsStandIn.deny', () => {
  it('denies only the action, resource and principal that it names, in the words of AWS', async () => {
    aws.sts.addRole(ROLE);
    aws.secrets.put('open', 'value');
    aws.secrets.put('closed', 'value');
    aws.deny('secretsmanager:GetSecretValue', { resource: 'closed' });
    aws.deny('ecr:GetAuthorizationToken', { principal: ROLE });

    const open = await clients.secrets().send(new GetSecretValueCommand({ SecretId: 'open' }));
    await clients.ecr().send(new GetAuthorizationTokenCommand({}));

    expect(open.SecretString).toBe('value');
    await expect(
      clients.secrets().send(new GetSecretValueCommand({ SecretId: 'closed' })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message:
        'User: arn:aws:sts::123456789012:assumed-role/refresher/embedded is not authorized to perform: secretsmanager:GetSecretValue on resource: closed because no identity-based policy allows the secretsmanager:GetSecretValue action',
      $metadata: { httpStatusCode: 400 },
    });
    await expect(
      clients.ecr({ credentials: clients.assumed() }).send(new GetAuthorizationTokenCommand({})),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('arn:aws:sts::210987654321:assumed-role/pull/embedded'),
    });
    expect(aws.ecr.issued).toHaveLength(1);
  });

  it('denies an STS action until it is removed', async () => {
    aws.sts.addRole(ROLE);
    const denial = aws.deny('sts:AssumeRole', { resource: ROLE });

    await expect(clients.assumed()()).rejects.toMatchObject({ name: 'AccessDenied' });
    denial.remove();
    await expect(clients.assumed()()).resolves.toMatchObject({ sessionToken: 'session' });
  });
});

describe('AwsStandIn', () => {
  it('refuses a request that is not signed, unknown, or not JSON', async () => {
    const target = (name: string) => ({ 'x-amz-target': name, 'content-type': 'application/x-amz-json-1.1' });
    const authorization = authorizationOf('AKIAOWN');
    const get = 'secretsmanager.GetSecretValue';

    const answers = [
      await post('{}', target(get)),
      await post('{}', { ...target('secretsmanager.RotateSecret'), authorization }),
      await post('[', { ...target(get), authorization }),
      await post('Action=GetSessionToken', { authorization }),
      await post('Action=GetCallerIdentity', {}),
    ];

    expect(answers.map(({ headers, text }) => headers['x-amzn-errortype'] ?? codeIn(text))).toEqual([
      'MissingAuthenticationTokenException',
      'UnknownOperationException',
      'SerializationException',
      'InvalidAction',
      'MissingAuthenticationToken',
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 403]);
  });

  it('can lose the answer to a request that took effect', async () => {
    aws.faults.add({ operation: 'GetAuthorizationToken' }, { applyThen: { reset: true } }, 1);

    await clients.ecr({ maxAttempts: 2 }).send(new GetAuthorizationTokenCommand({}));

    expect(aws.ecr.issued).toHaveLength(2);
  });
});

function authorizationOf(accessKey: string): string {
  return `AWS4-HMAC-SHA256 Credential=${accessKey}/20261121/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0`;
}

function query(action: string, accessKey: string): Promise<TestAnswer> {
  return post(`Action=${action}&Version=2011-06-15`, { authorization: authorizationOf(accessKey) });
}

function post(body: string, headers: Record<string, string>): Promise<TestAnswer> {
  return sendRequest(aws.url, { method: 'POST', headers, body });
}

function codeIn(xml: string): string | undefined {
  return /<Code>(\w+)<\/Code>/.exec(xml)?.[1];
}
