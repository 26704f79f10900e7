import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refresherFunction } from '../../lib/synthesise';
import { World } from '../integration/world';
import { packed } from './packed';
import { outcomeOf } from './run-program';
import { itServesApps } from './template-checks';
import { type Assembly, manifestOf, ourPeers, PACKAGE, UserFolder } from './user-app';

const MEGABYTE = 1_000_000;
const MAX_PACKAGES = 40;
const MAX_INSTALLED_BYTES = 25 * MEGABYTE;

describe('the package installed by npm, in a node_modules that nobody may write', () => {
  const folder = new UserFolder();
  let before: readonly string[];

  beforeAll(() => {
    folder.installWithNpm(ourPeers());
    folder.protect();
    before = folder.installedFiles();
  });

  afterAll(() => folder.remove());

  itServesApps(() => folder);

  it('brings no package besides itself', () => {
    const peers = Object.keys(ourPeers());
    const { packages } = JSON.parse(readFileSync(folder.path('package-lock.json'), 'utf8'));
    const brought = namesNeededBy(PACKAGE, packages).filter((name) => !peers.includes(name));

    expect(brought).toEqual([]);
    expect(brought.length).toBeLessThanOrEqual(MAX_PACKAGES);
    expect(packed().unpackedBytes).toBeLessThanOrEqual(MAX_INSTALLED_BYTES);
  });

  it('makes a function that refreshes', async () => {
    const world = await World.start();
    try {
      const { api: _, ...urls } = world.cloud.runpod.settings();
      writeFileSync(folder.path('module', 'refresher.config.json'), configWith(urls));
      folder.transpile('module');
      const asset = refresherAsset(folder.synthesise('module'));
      await world.deploy([], {}, (directory) => cpSync(asset, directory, { recursive: true }));

      const { result } = await world.invoke();

      expect(result).toMatchObject({ refreshed: [{ target: 'prod', verified: true }], failed: [] });
      expect(await world.canPull('ecr-prod')).toBe(true);
      expect(world.leaks()).toEqual([]);
    } finally {
      await world.stop();
    }
  });

  describe('its command line', () => {
    const empty = () => folder.path('empty');

    beforeAll(() => mkdirSync(empty()));

    function runpodEcr(...args: readonly string[]) {
      return outcomeOf(folder.path('node_modules/.bin/runpod-ecr'), args, empty(), {
        HOME: empty(),
        AWS_REGION: '',
        AWS_DEFAULT_REGION: '',
      });
    }

    it('prints its version', () => {
      const { status, stdout, stderr } = runpodEcr('--version');

      expect({ status, stdout: stdout.trim(), stderr }).toEqual({
        status: 0,
        stdout: manifestOf(packed().folder).version,
        stderr: '',
      });
    });

    it('prints its commands', () => {
      const { status, stdout } = runpodEcr('--help');

      expect(status).toBe(0);
      expect(stdout).toContain('doctor');
    });

    it('says in one sentence that there is no configuration', () => {
      const { status, stdout } = runpodEcr('status', '--json');

      expect(status).toBeGreaterThan(0);
      expect(JSON.parse(stdout)).toEqual({
        error: expect.objectContaining({ message: expect.stringContaining('refresher.config.json') }),
      });
    });

    it('names the first problem that doctor finds', () => {
      const { status, stdout } = runpodEcr('doctor', '--json');

      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ healthy: false, cause: 'identity' });
    });
  });

  it('has changed nothing in node_modules', () => {
    expect(folder.installedFiles()).toEqual(before);
    expect(readdirSync(folder.path()).sort()).toEqual([
      'commonjs',
      'empty',
      'module',
      'node_modules',
      'package-lock.json',
      'package.json',
    ]);
  });
});

/** Returns what a package depends on, directly and indirectly, with its peers. */
function namesNeededBy(name: string, packages: Readonly<Record<string, Record<string, object>>>): string[] {
  const { dependencies = {}, peerDependencies = {} } = packages[join('node_modules', name)] ?? {};
  const own = Object.keys(dependencies).flatMap((needed) => [needed, ...namesNeededBy(needed, packages)]);
  return [...own, ...Object.keys(peerDependencies)];
}

function configWith(runpod: object): string {
  const registry = { type: 'ecr', repositories: ['my-worker'] };
  const target = { name: 'prod', registryAuthName: 'ecr-prod', registry, verifyImage: 'my-worker:1.0.0' };
  return JSON.stringify({
    runpodApiKeySecretName: 'runpod/api-key',
    targets: [target],
    alarms: { emails: ['oncall@example.com'] },
    runpod,
  });
}

function refresherAsset(assembly: Assembly): string {
  const { Code } = refresherFunction(assembly.template('EcrCredentialRefresher')).Properties;
  const { S3Key } = Code as { S3Key: string };
  return join(assembly.directory, `asset.${S3Key.replace('.zip', '')}`);
}
