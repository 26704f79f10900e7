import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(__dirname, '..');

/** One import of a project file: a package's name, or a path from the root without `.ts`. */
interface Import {
  readonly from: string;
  readonly what: string;
}

/** What the files of each folder may import from other folders of the project. The longest folder name counts. */
const ARROWS: Readonly<Record<string, RegExp>> = {
  bin: /^(cli|lib)\//,
  cli: /^(lib\/|lambda\/core\/|package\.json$)/,
  lib: /^lambda\/(core\/(model|contract|settings)|delegate-repository\/model)$/,
  'lambda/core': /^package\.json$/,
  'lambda/refresh-credentials': /^lambda\/core\//,
  'lambda/watch-pulls': /^lambda\/core\//,
  'lambda/delegate-repository': /^lambda\/core\//,
  local: /^(lib\/|lambda\/core\/|package\.json$)/,
  scripts: /^(lib|lambda\/core)\//,
  // The plots show what the simulation says.
  'scripts/pictures': /^(lib|lambda\/core|test\/simulation)\//,
  // They import the package by its name, as a user does.
  examples: /^(?!)/,
  test: /^/,
};

/** Single files that may import more than their folder. */
const EXCEPTIONS: Readonly<Record<string, RegExp>> = {
  'cli/commands/demo.ts': /^local\/demo\//,
  'cli/main.ts': /^local\/start$/,
  'cli/init/app.ts': /^cdk\.json$/,
  'cli/start.ts': /^local\/start$/,
  'lib/synthesise.ts': /^cdk\.json$/,
  'local/demo/demo-world.ts': /^refresher\.config\.example\.json$/,
  'local/start.ts': /^refresher\.config\.example\.json$/,
};

const FOLDERS = Object.keys(ARROWS);

describe('the tree', () => {
  it('has a row for every folder with sources', () => {
    const strays = filesIn('.').filter((file) => folderOf(file) === undefined);

    expect(strays).toEqual([]);
  });

  it.each(FOLDERS)('of %s imports only what its row allows', (folder) => {
    const strays = importsOf(filesOf(folder)).filter(
      ({ from, what }) =>
        isProjectFile(what) &&
        folderOf(what) !== folder &&
        !ARROWS[folder]?.test(what) &&
        !EXCEPTIONS[from]?.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('has no circular imports', () => {
    expect(circlesIn(importsOf(FOLDERS.flatMap(filesOf)))).toEqual([]);
  });

  it('keeps the CDK and the tools of the command line out of the functions', () => {
    const strays = importsOf(filesIn('lambda')).filter(({ what }) =>
      /^(aws-cdk-lib|constructs|cdk-nag|esbuild|commander|@clack|string-width)\b/.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('keeps the SDK out of the model, the contract and the use cases', () => {
    const strays = importsOf(filesIn('lambda')).filter(
      ({ from, what }) =>
        /\/(model|contract|refresh|delegation|look|memory)\.ts$/.test(from) &&
        /^(@aws-sdk|node:http)/.test(what),
    );

    expect(strays).toEqual([]);
  });

  it('imports nothing into the files that the functions and the stack share', () => {
    const shared = ['lambda/core/model.ts', 'lambda/core/contract.ts', 'lambda/delegate-repository/model.ts'];

    expect(importsOf(shared)).toEqual([]);
  });

  it('reads files, CDK context and variables only in lib/config, except for the runbook', () => {
    const others = filesIn('lib').filter((file) => !file.startsWith('lib/config/'));

    const readers = others.filter((file) => /\breadFile/.test(textOf(file)));
    const asking = others.filter((file) => /tryGetContext|process\.env/.test(textOf(file)));

    expect(readers).toEqual(['lib/runbook.ts']);
    expect(asking).toEqual([]);
  });

  it('uses import.meta only in the entries that are bundled', () => {
    const users = ['bin', 'cli', 'lib', 'lambda', 'scripts'].flatMap(filesIn).filter((file) =>
      textOf(file)
        .replace(/"[^"\n]*"/g, '')
        .includes('import.meta'),
    );

    expect(users).toEqual(['lambda/refresh-credentials/index.ts', 'lambda/watch-pulls/index.ts']);
  });
});

/** The row that a file belongs to. */
function folderOf(file: string): string | undefined {
  return FOLDERS.filter((folder) => file.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];
}

function filesOf(folder: string): string[] {
  return filesIn(folder).filter((file) => folderOf(file) === folder);
}

function importsOf(files: readonly string[]): Import[] {
  const specifier = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^']+)'/g;
  return files.flatMap((file) =>
    [...textOf(file).matchAll(specifier)].map(([, name = '']) => ({
      from: file,
      what: name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), name)) : name,
    })),
  );
}

/** Circles of imports, each as the files along it. Type-only imports count. */
function circlesIn(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, what } of imports) targets.set(from, [...(targets.get(from) ?? []), `${what}.ts`]);
  const circles = new Set<string>();
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.add([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!finished.has(file)) {
      for (const next of targets.get(file) ?? []) visit(next, [...path, file]);
      finished.add(file);
    }
  };
  for (const file of targets.keys()) visit(file, []);
  return [...circles];
}

function isProjectFile(what: string): boolean {
  return folderOf(what) !== undefined || existsSync(join(ROOT, what));
}

function filesIn(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .map((file) => join(directory, file))
    .filter((file) => file.endsWith('.ts') && !/(^|\/)(node_modules|cdk\.out|coverage|dist)\//.test(file))
    .sort();
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
