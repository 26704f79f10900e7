/**
 * `npm run build:library`: compiles the library into `dist/lib`, with jsii's description of it in `.jsii`.
 *
 * jsii compiles every file. Then esbuild makes one file of them, so that the package needs only its peers.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { LICENCES_FILE, licencesOf } from './third-party-licences';

const ROOT = join(__dirname, '..');
const OUTPUT = join(ROOT, 'dist/lib');
/** jsii compiles what the library imports of `lambda` into here. */
const IMPORTED = join(ROOT, 'dist/lambda');

/** The user's own app has these. */
const PEERS = ['aws-cdk-lib', 'constructs'];

/** Node 20 is at its end of life, and jsii prints a banner about it. The minimum of the peers is not what we develop with. */
const ENVIRONMENT = { JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: 'true' };
const SILENCED = ['--silence-warnings', 'metadata/missing-dev-dependency'];

/**
 * Compiles the library.
 *
 * @throws Error when jsii refuses the sources; its messages are on standard error
 * @throws BuildFailure of esbuild when the compiled files cannot be bundled
 */
export async function buildLibrary(): Promise<void> {
  for (const folder of [OUTPUT, IMPORTED]) rmSync(folder, { recursive: true, force: true });
  compile();
  await bundle();
  removeOtherFiles();
}

function compile(): void {
  const jsii = join(ROOT, 'node_modules/jsii/bin/jsii');
  const { status, stdout, stderr } = spawnSync(process.execPath, [jsii, ...SILENCED], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...ENVIRONMENT },
  });
  if (status === 0) return;
  process.stderr.write(stdout + stderr);
  throw new Error('jsii could not compile the library.');
}

/** Bundles the library over its own entry file. It is not minified, so that a stack trace can be read. */
async function bundle(): Promise<void> {
  const entry = join(OUTPUT, 'index.js');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: entry,
    allowOverwrite: true,
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: PEERS.flatMap((name) => [name, `${name}/*`]),
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  writeFileSync(join(OUTPUT, LICENCES_FILE), licencesOf(Object.keys(metafile.inputs)));
}

/** Removes what no user loads: the files that are in the bundle, and the types that the public ones do not mention. */
function removeOtherFiles(): void {
  const kept = new Set([join(OUTPUT, 'index.js'), join(OUTPUT, LICENCES_FILE), ...typesFrom('index.d.ts')]);
  const files = [OUTPUT, IMPORTED].filter(existsSync).flatMap(filesIn);
  for (const file of files.filter((path) => !kept.has(path))) rmSync(file);
  for (const folder of foldersIn(join(ROOT, 'dist'))) {
    if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
  }
}

/** Returns a file with types in `dist/lib`, and those that it imports. */
function typesFrom(name: string, base = OUTPUT, found = new Set<string>()): Set<string> {
  const file = join(base, name);
  if (found.has(file)) return found;
  found.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g);
  for (const [, path = ''] of imports) typesFrom(`${path}.d.ts`, dirname(file), found);
  return found;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Returns the folders within a folder, the deepest first. */
function foldersIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((left, right) => right.length - left.length);
}

async function main(): Promise<void> {
  await buildLibrary();
  const bytes = readFileSync(join(OUTPUT, 'index.js')).length;
  process.stdout.write(`${relative(process.cwd(), OUTPUT)}: ${Math.round(bytes / 1_000)} KB\n`);
}

if (require.main === module) void main();
