import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Debian's `docker-registry` on the loopback interface, with one user in its htpasswd file. */
export class DockerRegistry {
  readonly url: string;
  readonly username = 'runpod';
  readonly #directory: string;
  readonly #process: ChildProcess;
  #password = '';

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#directory = mkdtempSync(join(tmpdir(), 'docker-registry-'));
    this.#setPassword();
    const config = join(this.#directory, 'config.json');
    // The registry reads YAML, and every JSON document is YAML.
    writeFileSync(config, JSON.stringify(this.#configuration(port)));
    this.#process = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  }

  /** Starts the registry and waits until it asks for a login. @throws Error after 10 s */
  static async start(): Promise<DockerRegistry> {
    const registry = new DockerRegistry(await freePort());
    for (let wait = 0; wait < 100; wait += 1) {
      const status = await fetch(`${registry.url}/v2/`).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 401) return registry;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await registry.stop();
    throw new Error('docker-registry did not answer within 10 s');
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

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill();
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #configuration(port: number): object {
    return {
      version: 0.1,
      log: { accesslog: { disabled: true }, level: 'error' },
      storage: { filesystem: { rootdirectory: join(this.#directory, 'storage') } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'Registry Realm', path: this.#htpasswd } },
    };
  }

  get #htpasswd(): string {
    return join(this.#directory, 'htpasswd');
  }

  /** Writes a new password as a bcrypt hash, the only hash that the registry accepts. */
  #setPassword(): void {
    this.#password = randomBytes(24).toString('base64');
    const line = execFileSync('htpasswd', ['-inB', this.username], {
      input: this.#password,
      encoding: 'utf8',
    });
    writeFileSync(this.#htpasswd, line);
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
    const answer = await this.#request(method, path, body);
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  #request(
    method: string,
    path: string,
    { body = null, type, password = this.#password }: RequestBody,
  ): Promise<Response> {
    const basic = Buffer.from(`${this.username}:${password}`).toString('base64');
    const headers = { authorization: `Basic ${basic}`, ...(type && { 'content-type': type }) };
    return fetch(`${this.url}${path}`, { method, headers, body });
  }
}

interface RequestBody {
  readonly body?: string | null;
  readonly type?: string;
  readonly password?: string;
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
