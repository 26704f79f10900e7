/** `npm run build:functions`: bundles the functions into `dist/functions`, as the package ships them. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuildOptions, buildSync, type Metafile } from 'esbuild';
import {
  CLIENT_SETS,
  type ClientName,
  DELEGATION_FOLDER,
  refresherFolder,
  WATCH_FOLDER,
} from '../lib/function-bundles';
import { cutSourceMap } from './source-map';
import { LICENCES_FILE, licencesOf } from './third-party-licences';

const PROJECT_ROOT = join(__dirname, '..');
const ENTRY = join(PROJECT_ROOT, 'lambda/refresh-credentials/index.ts');
const WATCH_ENTRY = join(PROJECT_ROOT, 'lambda/watch-pulls/index.ts');
const DELEGATION_ENTRY = join(PROJECT_ROOT, 'lambda/delegate-repository/index.ts');
const REPLACEMENTS = join(PROJECT_ROOT, 'lambda/core/bundle');
const LEFT_OUT = join(REPLACEMENTS, 'left-out.ts');

const OUTPUT = join(PROJECT_ROOT, 'dist/functions');

/** Replacements for modules that a Lambda function does not need. They shorten the cold start (docs/decisions/0006). */
const REPLACED: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-node': join(REPLACEMENTS, 'environment-credentials.ts'),
  '@smithy/core/event-streams': LEFT_OUT,
  'node:process': join(REPLACEMENTS, 'global-process.ts'),
};

/** The packages of the clients that only some registries need. */
const PACKAGES: Readonly<Record<ClientName, string>> = {
  ecr: '@aws-sdk/client-ecr',
  'ecr-public': '@aws-sdk/client-ecr-public',
  sts: '@aws-sdk/credential-providers',
};

/**
 * Globals that are undefined in the bundle. The SDK reads them only to check the type of a body, and no body here has
 * that type. The first read would make Node load its web streams.
 */
const UNDEFINED_GLOBALS = { ReadableStream: 'undefined', Blob: 'undefined' };

/** Defines `require`, which an ES module does not have, for CommonJS dependencies that call it. */
const REQUIRE_BANNER = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";
/** Text that esbuild puts into a bundle that calls `require`. */
const REQUIRE_IS_CALLED = 'Dynamic require of';

/** A bundle of one function. The same sources give the same bytes on every machine. */
export interface Bundle {
  readonly code: string;
  readonly map: string;
  /** esbuild's list of the inputs. */
  readonly metafile: Metafile;
}

/**
 * Bundles every function, and writes the files that have changed. The licences of the bundled packages go with them.
 *
 * @param outdir - created when it does not exist
 * @throws BuildFailure of esbuild when the sources cannot be bundled
 */
export function buildFunctions(outdir = OUTPUT): void {
  const bundles: readonly (readonly [folder: string, bundle: Bundle])[] = [
    ...CLIENT_SETS.map((clients) => [refresherFolder(clients), bundleRefresher(clients)] as const),
    [WATCH_FOLDER, bundle(WATCH_ENTRY)],
    [DELEGATION_FOLDER, bundle(DELEGATION_ENTRY)],
  ];
  for (const [folder, { code, map }] of bundles) {
    put(join(outdir, folder, 'index.mjs'), code);
    put(join(outdir, folder, 'index.mjs.map'), map);
  }
  const inputs = bundles.flatMap(([, { metafile }]) => Object.keys(metafile.inputs));
  put(join(outdir, LICENCES_FILE), licencesOf(inputs));
}

/** Bundles the refresher with a set of clients. @throws BuildFailure of esbuild */
export function bundleRefresher(clients: readonly ClientName[]): Bundle {
  const leftOut = Object.entries(PACKAGES).filter(([name]) => !clients.some((client) => client === name));
  return bundle(ENTRY, Object.fromEntries(leftOut.map(([, packageName]) => [packageName, LEFT_OUT])));
}

/**
 * Bundles a function.
 *
 * @param entry - the module that exports `handler`
 * @param alias - modules that replace packages, in addition to those that no function needs
 * @throws BuildFailure of esbuild
 */
export function bundle(entry: string, alias: Readonly<Record<string, string>> = {}): Bundle {
  const plain = runEsbuild(entry, alias);
  const built = plain.code.includes(REQUIRE_IS_CALLED) ? runEsbuild(entry, alias, REQUIRE_BANNER) : plain;
  return { ...built, map: JSON.stringify(cutSourceMap(JSON.parse(built.map), PROJECT_ROOT, PROJECT_ROOT)) };
}

function runEsbuild(entry: string, alias: Readonly<Record<string, string>>, banner = ''): Bundle {
  const options = {
    entryPoints: [entry],
    // Nothing is written there. The map's paths are relative to it, so they do not depend on the output directory.
    outfile: join(PROJECT_ROOT, 'index.mjs'),
    absWorkingDir: PROJECT_ROOT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    alias: { ...REPLACED, ...alias },
    define: UNDEFINED_GLOBALS,
    minify: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    banner: { js: banner },
    metafile: true,
    write: false,
    logLevel: 'error',
  } as const satisfies BuildOptions;
  const { outputFiles, metafile } = buildSync(options);
  const text = (extension: string) => outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? '';
  return { code: text('.mjs'), map: text('.map'), metafile };
}

/** Leaves a file with this content untouched, because another process may be reading it. */
function put(path: string, content: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === content) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

if (require.main === module) buildFunctions();
