import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { aTarget, someSettings } from '../support/builders';
import { putFunction } from '../support/put-function';
import { selfSignedCertificate } from '../support/self-signed';

describe('the refresh function, with NODE_TLS_REJECT_UNAUTHORIZED=0 in its environment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certificates-'));
  let server: Server;
  let requests = 0;

  beforeAll(async () => {
    server = createServer(selfSignedCertificate(), (_, response) => {
      requests += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await new Promise((resolve) => server.close(resolve));
  });

  it('sends nothing to AWS or Runpod over a certificate that is not trusted', async () => {
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    const runpod = { api: 'auto', restV2Url: url, restV1Url: url, graphqlUrl: url } as const;
    putFunction(directory, someSettings({ targets: [aTarget()], runpod }));
    const lambda = new LambdaRuntime({
      assetDirectory: directory,
      environment: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'example',
        AWS_ENDPOINT_URL: url,
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      },
    });

    const { ok } = await lambda.invoke({}, 20_000);
    await lambda.stop();

    expect(ok).toBe(false);
    expect(requests).toBe(0);
  });
});
