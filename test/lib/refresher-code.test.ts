import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { toSettings } from '../../lib/config/settings';
import { bundleFunction } from '../../lib/refresher-code';
import { config, type Json, manyTargets } from './config/builder';

const FAILING_HANDLER = join(__dirname, 'fixtures/failing-handler.ts');

describe('bundleFunction', () => {
  const settings = toSettings(config());
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'bundle-'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('writes one module, its source map and the settings', () => {
    const out = join(directory, 'function');

    const metafile = bundleFunction(out, settings);

    expect(readdirSync(out).sort()).toEqual(['index.mjs', 'index.mjs.map', 'refresher.json']);
    expect(JSON.parse(readFileSync(join(out, 'refresher.json'), 'utf8'))).toEqual(settings);
    expect(Object.keys(metafile.inputs)).toContain('lambda/refresh-credentials/index.ts');
  });

  it('writes the same bytes into every directory, and no path of this machine', () => {
    const near = join(directory, 'near');
    const far = join(directory, 'a/little/further/down');

    bundleFunction(near, settings);
    bundledAfresh((bundle) => bundle(far, settings));

    for (const file of readdirSync(near)) {
      const text = readFileSync(join(near, file), 'utf8');
      expect(readFileSync(join(far, file), 'utf8')).toBe(text);
      expect(text).not.toContain(join(__dirname, '../..'));
    }
  });

  it('maps only the sources of the project, without their text', () => {
    const out = join(directory, 'map');

    bundleFunction(out, settings);

    const map = JSON.parse(readFileSync(join(out, 'index.mjs.map'), 'utf8'));
    expect(map.sources).toContain('lambda/refresh-credentials/refresh.ts');
    expect(map.sources.join('\n')).not.toMatch(/node_modules|\.\./);
    expect(Object.keys(map)).toEqual(['version', 'sources', 'names', 'mappings']);
  });

  it.each<[string, Json[], string[]]>([
    ['ECR', [{ type: 'ecr', repositories: ['worker'] }], ['client-ecr']],
    [
      'ECR with a role',
      [{ type: 'ecr', repositories: ['worker'], roleArn: 'arn:aws:iam::210987654321:role/pull' }],
      ['client-ecr', 'credential-providers', 'nested-clients'],
    ],
    ['ECR Public', [{ type: 'ecr-public' }], ['client-ecr-public']],
    ['a stored login', [{ type: 'ghcr', credentialSecretName: 's' }], []],
    [
      'two types of registry',
      [{ type: 'ecr-public' }, { type: 'ecr', repositories: ['worker'] }],
      ['client-ecr', 'client-ecr-public'],
    ],
  ])('contains only the AWS packages that are needed for %s', (what, registries, needed) => {
    const targets = registries.map((registry, index) => ({
      name: `t${index}`,
      registryAuthName: `t${index}`,
      registry,
    }));

    const { inputs } = bundleFunction(join(directory, what), toSettings(config({ targets })));

    const packages = Object.keys(inputs).map((input) => /node_modules\/@aws-sdk\/([^/]+)/.exec(input)?.[1]);
    const some = ['client-ecr', 'client-ecr-public', 'credential-providers', 'nested-clients'];
    expect(some.filter((name) => packages.includes(name))).toEqual(needed);
  });

  it('contains nothing of the CDK, of lib or of local', () => {
    const { inputs } = bundleFunction(join(directory, 'inputs'), settings);

    expect(
      Object.keys(inputs).filter((input) => /aws-cdk-lib|constructs|^lib\/|^local\//.test(input)),
    ).toEqual([]);
  });

  it('gives stack traces with file and line of the source, and leaves the frames of dependencies unchanged', () => {
    const out = join(directory, 'failing');
    bundleFunction(out, settings, FAILING_HANDLER);

    const { stderr } = run(out, 'handler()');

    const frames = stderr.split('\n').filter((line) => line.startsWith('    at '));
    const sources = frames.filter((frame) => frame.includes('failing-handler.ts'));
    expect(sources).toEqual([
      expect.stringMatching(/test\/lib\/fixtures\/failing-handler\.ts:9:9/),
      expect.stringMatching(/test\/lib\/fixtures\/failing-handler\.ts:5:40/),
    ]);
    expect(frames.filter((frame) => frame.includes('index.mjs:')).length).toBeGreaterThan(0);
  });

  it('lets a CommonJS dependency require a module of Node', () => {
    const entry = join(directory, 'requires.cjs');
    writeFileSync(entry, "exports.newline = () => require('node:os').EOL;");
    const out = join(directory, 'requires');
    bundleFunction(out, settings, entry);

    const { stdout, stderr } = run(out, 'console.log(JSON.stringify(exported.default.newline()))');

    expect({ stdout, stderr }).toEqual({ stdout: '"\\n"\n', stderr: '' });
  });

  it('writes settings with 1,000 targets', () => {
    const out = join(directory, 'many');

    bundleFunction(out, toSettings(config({ targets: manyTargets(1000) })));

    const { targets } = JSON.parse(readFileSync(join(out, 'refresher.json'), 'utf8'));
    expect(targets).toHaveLength(1000);
  });
});

/** Bundles without what this process has bundled before. */
function bundledAfresh(use: (bundle: typeof bundleFunction) => void): void {
  jest.isolateModules(() => {
    jest.doMock('esbuild', () => jest.requireActual('../../node_modules/esbuild'));
    const fresh: typeof import('../../lib/refresher-code') = require('../../lib/refresher-code');
    use(fresh.bundleFunction);
  });
}

/** Imports a bundle in a new Node process and evaluates an expression with its exports. */
function run(out: string, expression: string): { stdout: string; stderr: string } {
  const code = `const exported = await import(${JSON.stringify(pathToFileURL(join(out, 'index.mjs')).href)});
const { handler } = exported; ${expression};`;
  const args = ['--enable-source-maps', '--input-type=module', '--eval', code];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { stdout, stderr };
}
