import { GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { type EmbeddedCloud, LOCAL_REGION, startEmbeddedCloud } from '../../local/cloud';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { StandInClock } from '../../local/stand-in-clock';
import { pullAsWorker } from '../../local/worker';
import { AwsClients } from './aws-clients';
import { runpodClient } from './runpod-request';
import { sendRequest } from './send-request';
import { SCRIPTED_SOURCE, writeTinyAsset } from './tiny-asset';

const HOUR_MS = 60 * 60_000;

let cloud: EmbeddedCloud;

beforeEach(async () => {
  cloud = await startEmbeddedCloud();
});

afterEach(() => cloud.close());

describe('startEmbeddedCloud', () => {
  it('connects its parts: with a token of ECR, written to Runpod, a worker can pull until it expires', async () => {
    const clients = new AwsClients(cloud.aws);
    const user = cloud.runpod.addUser('key');
    const auth = user.create({ name: 'ecr', username: 'AWS', password: 'old' });
    cloud.registry.addImage('my-worker', '1.4.2');
    const pull = () => {
      const { username = '', password = '' } = auth ?? {};
      return pullAsWorker({ registryUrl: cloud.registry.url, username, password }, 'my-worker', '1.4.2');
    };

    const before = await pull();
    const { authorizationData } = await clients.ecr().send(new GetAuthorizationTokenCommand({}));
    const token = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
    await runpodClient(cloud.runpod, 'key')('PATCH', `/v2/registries/${auth?.id}`, {
      username: 'AWS',
      password: token.slice('AWS:'.length),
    });
    const fresh = await pull();
    cloud.clock.advance(12 * HOUR_MS);
    const expired = await pull();
    clients.close();

    expect(authorizationData?.[0]?.proxyEndpoint).toBe(cloud.registry.url);
    expect([before.status, fresh.status, expired.status]).toEqual([401, 200, 401]);
  });

  it('has one clock for all parts, which a test can provide', async () => {
    const noon = new Date('2026-11-21T12:00:00Z');
    const other = await startEmbeddedCloud({ clock: new StandInClock(() => noon) });
    other.clock.advance(HOUR_MS);

    const { expiresAt } = other.aws.ecr.issue('me', LOCAL_REGION);
    const auth = other.runpod.addUser('key').create({ name: 'n', username: 'u', password: 'p' });
    await other.close();

    expect(expiresAt).toEqual(new Date('2026-11-22T01:00:00Z'));
    expect(auth?.updatedAt).toEqual(new Date('2026-11-21T13:00:00Z'));
  });

  it('gives the function the addresses of its stand-ins', async () => {
    const asset = writeTinyAsset(SCRIPTED_SOURCE);
    const lambda = new LambdaRuntime({ assetDirectory: asset.directory, environment: cloud.environment() });

    const { result } = await lambda.invoke({ act: 'environment' });
    await lambda.stop();
    asset.remove();

    expect(result).toMatchObject({ AWS_REGION: LOCAL_REGION, AWS_ENDPOINT_URL: cloud.aws.url });
    expect(cloud.runpod.settings('rest-v2')).toEqual({
      api: 'rest-v2',
      restV2Url: `${cloud.runpod.url}/v2`,
      restV1Url: `${cloud.runpod.url}/v1`,
      graphqlUrl: `${cloud.runpod.url}/graphql`,
    });
    expect(cloud.runpod.settings().api).toBe('auto');
  });

  it('closes every server', async () => {
    const urls = [cloud.aws.url, cloud.registry.url, cloud.runpod.url];

    await cloud.close();

    for (const url of urls) {
      await expect(sendRequest(url)).rejects.toMatchObject({ code: expect.stringMatching(/ECONN/) });
    }
  });

  it('shares nothing with another embedded cloud', async () => {
    const other = await startEmbeddedCloud();
    const { password } = other.aws.ecr.issue('me', LOCAL_REGION);
    cloud.registry.addImage('my-worker', '1');

    const login = { registryUrl: cloud.registry.url, username: 'AWS', password };
    const elsewhere = await pullAsWorker(login, 'my-worker', '1');
    await other.close();

    expect(elsewhere.status).toBe(401);
  });
});
