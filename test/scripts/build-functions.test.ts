import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CLIENT_SETS } from '../../lib/function-bundles';
import { type Bundle, buildFunctions, bundle, bundleRefresher } from '../../scripts/build-functions';

const FAILING_HANDLER = join(__dirname, 'fixtures/failing-handler.ts');
const PROJECT_ROOT = join(__dirname, '../..');

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bundle-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('buildFunctions', () => {
  it('writes one module and its source map for every set of clients, for the watch, and for delegations', () => {
    buildFunctions(join(directory, 'all'));

    const files = readdirSync(join(directory, 'all'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => file.endsWith('index.mjs'))).toHaveLength(CLIENT_SETS.length + 2);
    expect(files.filter((file) => file.endsWith('index.mjs.map'))).toHaveLength(CLIENT_SETS.length + 2);
  });

  it('writes the same bytes into every directory, and no path of this machine', () => {
    const near = join(directory, 'near');
    const far = join(directory, 'a/little/further/down');

    buildFunctions(near);
    builtAfresh((build) => build(far));

    const files = readdirSync(near, { recursive: true, encoding: 'utf8' }).filter((file) => /mjs/.test(file));
    for (const file of files) {
      const text = readFileSync(join(near, file), 'utf8');
      expect(readFileSync(join(far, file), 'utf8')).toBe(text);
      expect(text).not.toContain(PROJECT_ROOT);
    }
  });
});

describe('bundleRefresher', () => {
  it('maps only the sources of the project, without their text', () => {
    const map = JSON.parse(bundleRefresher(['ecr']).map);

    expect(map.sources).toContain('lambda/refresh-credentials/refresh.ts');
    expect(map.sources.join('\n')).not.toMatch(/node_modules|\.\./);
    expect(Object.keys(map)).toEqual(['version', 'sources', 'names', 'mappings']);
  });

  it.each([
    { clients: [], packages: [] },
    { clients: ['ecr'], packages: ['client-ecr'] },
    { clients: ['ecr', 'sts'], packages: ['client-ecr', 'credential-providers', 'nested-clients'] },
    { clients: ['ecr-public'], packages: ['client-ecr-public'] },
    { clients: ['ecr', 'ecr-public'], packages: ['client-ecr', 'client-ecr-public'] },
  ] as const)('with the clients $clients contains only their packages', ({ clients, packages }) => {
    const inputs = Object.keys(bundleRefresher(clients).metafile.inputs);

    const found = inputs.map((input) => /node_modules\/@aws-sdk\/([^/]+)/.exec(input)?.[1]);
    const some = ['client-ecr', 'client-ecr-public', 'credential-providers', 'nested-clients'];
    expect(some.filter((name) => found.includes(name))).toEqual(packages);
  });

  it('contains nothing of the CDK, of lib or of local', () => {
    const { inputs } = bundleRefresher(['ecr', 'ecr-public', 'sts']).metafile;

    expect(
      Object.keys(inputs).filter((input) => /aws-cdk-lib|constructs|^lib\/|^local\//.test(input)),
    ).toEqual([]);
  });
});

describe('bundle', () => {
  it('gives stack traces with file and line of the source, and leaves the frames of dependencies unchanged', () => {
    const out = join(directory, 'failing');
    put(out, bundle(FAILING_HANDLER));

    const { stderr } = run(out, 'handler()');

    const frames = stderr.split('\n').filter((line) => line.startsWith('    at '));
    const sources = frames.filter((frame) => frame.includes('failing-handler.ts'));
    expect(sources).toEqual([
      expect.stringMatching(/test\/scripts\/fixtures\/failing-handler\.ts:9:9/),
      expect.stringMatching(/test\/scripts\/fixtures\/failing-handler\.ts:5:40/),
    ]);
    expect(frames.filter((frame) => frame.includes('index.mjs:')).length).toBeGreaterThan(0);
  });

  it('lets a CommonJS dependency require a module of Node', () => {
    const entry = join(directory, 'requires.cjs');
    writeFileSync(entry, "exports.newline = () => require('node:os').EOL;");
    const out = join(directory, 'requires');
    put(out, bundle(entry));

    const { stdout, stderr } = run(out, 'console.log(JSON.stringify(exported.default.newline()))');

    expect({ stdout, stderr }).toEqual({ stdout: '"\\n"\n', stderr: '' });
  });
});

/** Builds without what this process has loaded before. */
function builtAfresh(use: (build: typeof buildFunctions) => void): void {
  jest.isolateModules(() => {
    jest.doMock('esbuild', () => jest.requireActual('../../node_modules/esbuild'));
    const fresh: typeof import('../../scripts/build-functions') = require('../../scripts/build-functions');
    use(fresh.buildFunctions);
  });
}

function put(out: string, { code, map }: Bundle): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'index.mjs'), code);
  writeFileSync(join(out, 'index.mjs.map'), map);
}

/** Imports a bundle in a new Node process and evaluates an expression with its exports. */
function run(out: string, expression: string): { stdout: string; stderr: string } {
  const code = `const exported = await import(${JSON.stringify(pathToFileURL(join(out, 'index.mjs')).href)});
const { handler } = exported; ${expression};`;
  const args = ['--enable-source-maps', '--input-type=module', '--eval', code];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { stdout, stderr };
}
