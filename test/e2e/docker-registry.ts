import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port';

/** The page whose configuration the registry and nginx run with. */
const GUIDE = join(__dirname, '../../docs/guide/self-hosted.md');

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Debian's `docker-registry` behind nginx with TLS, both on the loopback interface.
 *
 * They run with the two files of the guide's page. Ports, paths and the certificate are replaced; nothing else is.
 */
export class DockerRegistry {
  readonly url: string;
  /** May only pull. */
  readonly username = 'runpod';
  readonly #directory: string;
  readonly #processes: readonly ChildProcess[];
  readonly #pushPassword = randomBytes(24).toString('base64');
  #password = '';

  private constructor(ports: { readonly registry: number; readonly http: number; readonly https: number }) {
    this.url = `https://127.0.0.1:${ports.https}`;
    this.#directory = mkdtempSync(join(tmpdir(), 'docker-registry-'));
    chmodSync(this.#directory, 0o755);
    this.#setPassword();
    const config = this.#write('config.yml', block('yaml'));
    const environment = {
      PATH: process.env.PATH,
      REGISTRY_HTTP_ADDR: `127.0.0.1:${ports.registry}`,
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(this.#directory, 'storage'),
      REGISTRY_AUTH_HTPASSWD_PATH: this.#htpasswd,
    };
    const main = this.#write('nginx.conf', nginxMain(this.#directory));
    this.#write('site.conf', siteFor(ports));
    mkdirSync(join(this.#directory, 'temporary'));
    this.#processes = [
      spawn('docker-registry', ['serve', config], { stdio: 'ignore', env: environment }),
      spawn('nginx', ['-c', main, '-e', join(this.#directory, 'nginx-error.log')], { stdio: 'ignore' }),
    ];
  }

  /** Starts both, and waits until the registry asks for a login through nginx. @throws Error after 30 s */
  static async start(): Promise<DockerRegistry> {
    const [registry, http, https] = [await freePort(), await freePort(), await freePort()];
    const started = new DockerRegistry({ registry, http, https });
    for (let wait = 0; wait < 300; wait += 1) {
      const status = await fetch(`${started.url}/v2/`).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 401) return started;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await started.stop();
    throw new Error('docker-registry did not answer through nginx within 30 s');
  }

  /** The password that the registry accepts now. */
  get password(): string {
    return this.#password;
  }

  /** Changes the password, and waits until the registry rejects the old one. */
  async changePassword(): Promise<void> {
    const old = this.#password;
    this.#setPassword();
    for (let wait = 0; wait < 50; wait += 1) {
      if ((await this.#request('GET', '/v2/', { password: old })).status === 401) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('docker-registry still accepts the old password');
  }

  /** Pushes a small image through the distribution API. @returns its digest */
  async push(repository: string, tag: string): Promise<string> {
    const config = await this.#pushBlob(repository, JSON.stringify({ architecture: 'amd64', os: 'linux' }));
    const layer = await this.#pushBlob(repository, randomBytes(2_048).toString('base64'));
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    });
    await this.#expect(201, 'PUT', `/v2/${repository}/manifests/${tag}`, {
      body: manifest,
      type: MANIFEST_TYPE,
    });
    return digestOf(manifest);
  }

  /** Sends a request as one of the two users. @returns the status */
  async statusFor(user: 'push' | 'runpod', method: string, path: string): Promise<number> {
    const password = user === 'push' ? this.#pushPassword : this.#password;
    return (await this.#request(method, path, { user, password })).status;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (child) => {
        if (child.exitCode !== null) return;
        const exited = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        await exited;
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #write(name: string, text: string): string {
    const path = join(this.#directory, name);
    writeFileSync(path, text);
    return path;
  }

  get #htpasswd(): string {
    return join(this.#directory, 'htpasswd');
  }

  /** Gives the user who pulls a new password, and writes the passwords of both users as bcrypt hashes. */
  #setPassword(): void {
    this.#password = randomBytes(24).toString('base64');
    const lines = Object.entries({ push: this.#pushPassword, [this.username]: this.#password }).map(
      ([user, password]) =>
        execFileSync('htpasswd', ['-inB', user], { input: password, encoding: 'utf8' }).trim(),
    );
    writeFileSync(this.#htpasswd, `${lines.join('\n')}\n`);
  }

  async #pushBlob(repository: string, content: string): Promise<{ digest: string; size: number }> {
    const digest = digestOf(content);
    const begun = await this.#expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    const upload = new URL(begun.headers.get('location') ?? '', this.url);
    upload.searchParams.set('digest', digest);
    const body = { body: content, type: 'application/octet-stream' };
    await this.#expect(201, 'PUT', `${upload.pathname}${upload.search}`, body);
    return { digest, size: content.length };
  }

  async #expect(status: number, method: string, path: string, body: RequestBody = {}): Promise<Response> {
    const answer = await this.#request(method, path, {
      user: 'push',
      password: this.#pushPassword,
      ...body,
    });
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  #request(
    method: string,
    path: string,
    { body = null, type, user = this.username, password = this.#password }: RequestBody,
  ): Promise<Response> {
    const basic = Buffer.from(`${user}:${password}`).toString('base64');
    const headers = {
      authorization: `Basic ${basic}`,
      accept: MANIFEST_TYPE,
      ...(type && { 'content-type': type }),
    };
    return fetch(`${this.url}${path}`, { method, headers, body });
  }
}

interface RequestBody {
  readonly body?: string | null;
  readonly type?: string;
  readonly user?: string;
  readonly password?: string;
}

/** The only code block of the page in this language. */
function block(language: string): string {
  const blocks = [...readFileSync(GUIDE, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const [found, second] = blocks.filter(([, name]) => name === language);
  if (found?.[2] === undefined || second !== undefined)
    throw new Error(`${GUIDE} needs exactly one block of ${language}`);
  return found[2];
}

/** The site of the page, on these ports and with the certificate of `run.ts`. */
function siteFor(ports: {
  readonly registry: number;
  readonly http: number;
  readonly https: number;
}): string {
  const { NODE_EXTRA_CA_CERTS: certificate, E2E_CERTIFICATE_KEY: key } = process.env;
  if (certificate === undefined || key === undefined)
    throw new Error('start this test with npm run test:e2e');
  const live = '/etc/letsencrypt/live/registry.example.com';
  const replacements = {
    'listen 80;': `listen 127.0.0.1:${ports.http};`,
    'listen 443 ssl;': `listen 127.0.0.1:${ports.https} ssl;`,
    'http://127.0.0.1:5000;': `http://127.0.0.1:${ports.registry};`,
    [`${live}/fullchain.pem`]: certificate,
    [`${live}/privkey.pem`]: key,
  };
  return Object.entries(replacements).reduce((site, [from, to]) => {
    if (site.split(from).length !== 2) throw new Error(`${GUIDE} needs "${from}" exactly once`);
    return site.replace(from, to);
  }, block('nginx'));
}

/** What Debian's /etc/nginx/nginx.conf has around a site, with paths that a test may write. */
function nginxMain(directory: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${directory}/temporary/${name};`)
    .join('\n');
  return `daemon off;
pid ${directory}/nginx.pid;
events { worker_connections 768; }
http {
${temporary}
  access_log off;
  include ${directory}/site.conf;
}
`;
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
