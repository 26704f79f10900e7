import { GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { AwsStandIn } from '../../local/aws/aws';
import { StandInClock } from '../../local/stand-in-clock';
import { AwsClients, ROLE } from './aws-clients';

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

describe('EcrStandIn', () => {
  it('issues a token that the SDK can read, and accepts it for twelve hours', async () => {
    const [data] = (await clients.ecr().send(new GetAuthorizationTokenCommand({}))).authorizationData ?? [];
    const [username = '', password = ''] = decoded(data?.authorizationToken);

    expect(username).toBe('AWS');
    expect(password.length).toBeGreaterThan(2_000);
    expect(password.length).toBeLessThan(3_100);
    expect(data?.proxyEndpoint).toBe(REGISTRY);
    const lifeMs = (data?.expiresAt?.getTime() ?? 0) - Date.now();
    expect(lifeMs).toBeGreaterThan(12 * HOUR_MS - 60_000);
    expect(lifeMs).toBeLessThanOrEqual(12 * HOUR_MS);
    expect(aws.ecr.accepts('AWS', password)).toBe(true);
    expect(aws.ecr.accepts('AWS', `${password}x`)).toBe(false);
    expect(aws.ecr.accepts('other', password)).toBe(false);
    clock.advance(12 * HOUR_MS);
    expect(aws.ecr.accepts('AWS', password)).toBe(false);
  });

  it('issues a new token each time, and counts the requests', async () => {
    const client = clients.ecr();
    await client.send(new GetAuthorizationTokenCommand({}));
    await client.send(new GetAuthorizationTokenCommand({}));

    const [first, second] = aws.ecr.issued;

    expect(first?.password).not.toBe(second?.password);
    expect(aws.countOf('GetAuthorizationToken')).toBe(2);
  });

  it('records the caller and the region of each token', async () => {
    aws.sts.addRole(ROLE);
    await clients.ecr().send(new GetAuthorizationTokenCommand({}));
    await clients.ecr({ region: 'eu-west-1' }).send(new GetAuthorizationTokenCommand({}));
    await clients.ecr({ credentials: clients.assumed() }).send(new GetAuthorizationTokenCommand({}));

    expect(aws.ecr.issued.map(({ principal, region }) => [principal, region])).toEqual([
      ['AKIAOWN', 'us-east-1'],
      ['AKIAOWN', 'eu-west-1'],
      [ROLE, 'us-east-1'],
    ]);
  });

  it('returns the registry address of the calling account', async () => {
    aws.sts.addRole(ROLE);
    aws.ecr.registryUrls.set('210987654321', 'http://127.0.0.1:2');

    const own = await clients.ecr().send(new GetAuthorizationTokenCommand({}));
    const other = await clients
      .ecr({ credentials: clients.assumed() })
      .send(new GetAuthorizationTokenCommand({}));

    expect(own.authorizationData?.[0]?.proxyEndpoint).toBe(REGISTRY);
    expect(other.authorizationData?.[0]?.proxyEndpoint).toBe('http://127.0.0.1:2');
  });

  it('returns a token that a test has set', async () => {
    const expiresAt = new Date('2020-01-01T00:00:00Z');
    const password = `${'x'.repeat(3_000)}:with:colons`;
    aws.ecr.override = { password, expiresAt };
    const odd = await clients.ecr().send(new GetAuthorizationTokenCommand({}));
    aws.ecr.override = { authorizationToken: '***' };
    const broken = await clients.ecr().send(new GetAuthorizationTokenCommand({}));

    expect(decoded(odd.authorizationData?.[0]?.authorizationToken)).toEqual(['AWS', password]);
    expect(odd.authorizationData?.[0]?.expiresAt).toEqual(expiresAt);
    expect(broken.authorizationData?.[0]?.authorizationToken).toBe('***');
    expect(aws.ecr.accepts('AWS', password)).toBe(false);
  });

  it('issues a token that has expired already', () => {
    const { password, expiresAt } = aws.ecr.issue('me', 'us-east-1', new Date(Date.now() - 13 * HOUR_MS));

    expect(expiresAt.getTime()).toBeLessThan(Date.now());
    expect(aws.ecr.accepts('AWS', password)).toBe(false);
  });
});

function decoded(token = ''): string[] {
  const text = Buffer.from(token, 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}
