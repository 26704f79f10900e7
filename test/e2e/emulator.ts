import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port';

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');

/** The emulator's own account. */
export const ACCOUNT = '123456789012';
/** The region in which the test deploys. */
export const REGION = 'us-east-1';

/** An AWS emulator (`moto_server`), and the CDK CLI and AWS CLI with its address. */
export class Emulator {
  readonly #process: ChildProcess;
  /** Contains `localhost`. With an IP address the emulator does not find the bucket's name in the path. */
  readonly url: string;

  private constructor(port: number) {
    this.url = `http://localhost:${port}`;
    this.#process = spawn('moto_server', ['-p', String(port)], { stdio: 'ignore' });
  }

  static async start(): Promise<Emulator> {
    const emulator = new Emulator(await freePort());
    for (let wait = 0; wait < 150; wait += 1) {
      if (await answers(`${emulator.url}/moto-api/`)) return emulator;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error('moto_server did not answer within 30 s');
  }

  /** Returns the environment with which a process finds the emulator. */
  environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: 'emulator',
      AWS_SECRET_ACCESS_KEY: 'emulator',
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      NODE_NO_WARNINGS: '1',
    };
  }

  /** Runs the project's own CDK CLI. @returns everything that it printed */
  async cdk(...args: string[]): Promise<string> {
    const cli = join(ROOT, 'node_modules/aws-cdk/bin/cdk');
    const options = { cwd: ROOT, env: this.environment(), timeout: 180_000, maxBuffer: 16 * 1024 * 1024 };
    const { stdout, stderr } = await run(process.execPath, [cli, ...args], options);
    return stdout + stderr;
  }

  /** Sends a request to the emulator with the AWS CLI. @returns the parsed answer */
  async aws<Answer>(...args: string[]): Promise<Answer> {
    const full = [...args, '--endpoint-url', this.url, '--output', 'json'];
    const { stdout } = await run('aws', full, { env: this.environment(), timeout: 60_000 });
    return JSON.parse(stdout || '{}') as Answer;
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await exited;
  }
}

/**
 * Starts a proxy between the function and the emulator.
 *
 * The emulator's ECR issues tokens that expired in 2015, for a registry that does not exist. The proxy replaces the
 * time and the registry. It forwards everything else.
 */
export async function ecrOfToday(
  emulator: Emulator,
  registryUrl: string,
): Promise<{ url: string; server: Server }> {
  const server = createServer((incoming, outgoing) => {
    const onward = request(`${emulator.url}${incoming.url}`, {
      method: incoming.method,
      headers: incoming.headers,
    });
    incoming.pipe(onward);
    onward.once('response', async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      const isToken = String(incoming.headers['x-amz-target']).endsWith('GetAuthorizationToken');
      const body = isToken ? withPlaceAndTime(text, registryUrl) : text;
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 500, { ...headers, 'content-length': Buffer.byteLength(body) });
      outgoing.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

function withPlaceAndTime(text: string, proxyEndpoint: string): string {
  const { authorizationData } = JSON.parse(text) as { authorizationData: object[] };
  const expiresAt = Math.floor(Date.now() / 1_000) + 12 * 60 * 60;
  return JSON.stringify({
    authorizationData: authorizationData.map((data) => ({ ...data, expiresAt, proxyEndpoint })),
  });
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ status }) => status < 500,
    () => false,
  );
}
