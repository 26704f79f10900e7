import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { packed } from './packed';
import { ROOT, run } from './run-program';
import { manifestOf } from './user-app';

const MAX_PACKED_BYTES = 2_500_000;

/** What a user needs. Everything else stays in the repository. */
const ALLOWED = [
  /^(\.jsii|API\.md|CHANGELOG\.md|LICENSE|README\.md|SECURITY\.md|package\.json)$/,
  /^refresher\.(schema|config(\.all-registries)?\.example)\.json$/,
  /^bin\/runpod-ecr\.mjs$/,
  /^docs\/runbook\.md$/,
  /^dist\/lib\/(index\.js|[a-z-]+\.d\.ts)$/,
  /^dist\/functions\/.*\/index\.mjs(\.map)?$/,
  /^dist\/cli\/.*\.mjs$/,
  /^dist\/(lib|functions|cli)\/THIRD_PARTY_LICENSES\.txt$/,
];

describe('the tarball', () => {
  it('has only what a user needs', () => {
    const others = packed().files.filter((file) => !ALLOWED.some((allowed) => allowed.test(file)));

    expect(others).toEqual([]);
  });

  it('has every kind of file that a user needs', () => {
    const missing = ALLOWED.filter((allowed) => !packed().files.some((file) => allowed.test(file)));

    expect(missing).toEqual([]);
  });

  it(`has at most ${MAX_PACKED_BYTES} bytes`, () => {
    const { packedBytes, unpackedBytes, files } = packed();
    process.stdout.write(`tarball: ${packedBytes} bytes, unpacked ${unpackedBytes}, ${files.length} files\n`);

    expect(packedBytes).toBeLessThanOrEqual(MAX_PACKED_BYTES);
  });

  it('names the files that its package.json points to', () => {
    const { main, types, bin, dependencies = {} } = manifestOf(packed().folder);

    expect(packed().files).toEqual(expect.arrayContaining([main, types, ...Object.values(bin)]));
    expect(dependencies).toEqual({});
  });

  it('has a library that requires only its peers and Node', () => {
    const required = importsIn(textOf('dist/lib/index.js'));

    expect(required).toContain('aws-cdk-lib');
    expect(required.filter((name) => !isPeer(name) && !isBuiltin(name))).toEqual([]);
  });

  it('has types that import only the peers and each other', () => {
    const types = packed().files.filter((file) => file.endsWith('.d.ts'));
    const imports = types.flatMap((file) => importsIn(textOf(file)));
    const files = types.map((file) => `./${basename(file, '.d.ts')}`);

    expect(imports.filter((name) => !isPeer(name) && !files.includes(name))).toEqual([]);
  });

  it('keeps the names by which other languages find the classes', () => {
    const names = textOf('dist/lib/index.js').match(/fqn: "runpod-ecr-credential-refresher\.\w+"/g) ?? [];

    expect(names.map((name) => name.split('.')[1]?.replace('"', '')).sort()).toEqual([
      'RefresherStack',
      'RunpodEcrDelegation',
      'RunpodEcrRefresher',
      'RunpodRegistry',
    ]);
  });

  it('names no folder of this machine', () => {
    const naming = packed().files.filter((file) => textOf(file).includes(ROOT));

    expect(naming).toEqual([]);
  });
});

describe('npm run build:functions', () => {
  const directory = mkdtempSync(join(tmpdir(), 'elsewhere-'));

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('writes the same bytes in a copy of the project in another folder', () => {
    const copy = join(directory, 'a', 'copy');
    mkdirSync(copy, { recursive: true });
    for (const name of ['lambda', 'lib', 'scripts', 'package.json', 'tsconfig.json']) {
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

    run(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'scripts/build-functions.ts'], copy);

    const built = join(copy, 'dist/functions');
    const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /mjs/.test(file),
    );
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      expect(readFileSync(join(built, file), 'utf8')).toBe(textOf(join('dist/functions', file)));
    }
  });
});

describe('API.md', () => {
  it('is what npm run docs:api writes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'api-'));
    const file = join(directory, 'API.md');

    run(process.execPath, [join(ROOT, 'node_modules/jsii-docgen/bin/jsii-docgen'), '--output', file], ROOT);

    const [written, expected] = [readFileSync(join(ROOT, 'API.md'), 'utf8'), readFileSync(file, 'utf8')];
    rmSync(directory, { recursive: true });
    expect(written).toBe(expected);
  });
});

function textOf(file: string): string {
  return readFileSync(join(packed().folder, file), 'utf8');
}

function importsIn(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom |\bimport\(|\brequire\()["']([^"'\n]+)["']/g)].map(
    ([, name = '']) => name,
  );
}

function isPeer(name: string): boolean {
  return /^(aws-cdk-lib|constructs)(\/|$)/.test(name);
}
