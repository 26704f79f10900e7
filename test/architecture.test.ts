import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(__dirname, '..');

/** What one file imports: a package's name, or a path from the root for a file of the project. */
interface Import {
  readonly from: string;
  readonly what: string;
}

/** Which files of the project may be imported from a directory, besides those of the directory itself. */
const ARROWS: readonly (readonly [directory: string, mayImport: RegExp])[] = [
  ['bin', /^(lib|cli)\//],
  ['lib', /^lambda\/([a-z-]+\/model|core\/contract)$/],
  ['lambda', /^package\.json$/],
  ['scripts', /^lib\//],
  ['cli', /^(lib\/|lambda\/(core|refresh-credentials)\/|local\/(start|closed-pipe)$|package\.json$)/],
];

describe('the tree', () => {
  it.each(ARROWS)('of %s imports only %s', (directory, mayImport) => {
    const strays = importsIn(directory).filter(
      ({ what }) => isFile(what) && !what.startsWith(`${directory}/`) && !mayImport.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('lets one function build on the other, and not the other way round', () => {
    const strays = importsIn('lambda/refresh-credentials').filter(({ what }) =>
      what.startsWith('lambda/delegate-repository'),
    );

    expect(strays).toEqual([]);
  });

  it('keeps the CDK out of the functions', () => {
    const strays = importsIn('lambda').filter(({ what }) =>
      /^(aws-cdk-lib|constructs|cdk-nag|esbuild|commander|@clack|cli-table3)\b/.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('keeps the SDK out of the model and of the use case', () => {
    const strays = importsIn('lambda').filter(
      ({ from, what }) => /\/(model|refresh)\.ts$/.test(from) && /^(@aws-sdk|node:http)/.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('reads files and CDK context nowhere in lib but in lib/config', () => {
    const readers = filesIn('lib').filter(
      (file) => !file.startsWith('lib/config/') && /\breadFile|tryGetContext|process\.env/.test(textOf(file)),
    );

    expect(readers).toEqual([]);
  });

  it('uses import.meta only in the entry that is bundled', () => {
    const users = ['bin', 'cli', 'lib', 'lambda', 'scripts'].flatMap(filesIn).filter((file) =>
      textOf(file)
        .replace(/"[^"\n]*"/g, '')
        .includes('import.meta'),
    );

    expect(users).toEqual(['lambda/refresh-credentials/index.ts']);
  });
});

function importsIn(directory: string): Import[] {
  const specifier = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^']+)'/g;
  return filesIn(directory).flatMap((file) =>
    [...textOf(file).matchAll(specifier)].map(([, name = '']) => ({
      from: file,
      what: name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), name)) : name,
    })),
  );
}

function isFile(what: string): boolean {
  const [top = ''] = what.split('/');
  return existsSync(join(ROOT, top)) && !what.startsWith('node:');
}

function filesIn(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(directory, file))
    .sort();
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
