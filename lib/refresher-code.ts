import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileSystem, Names, Stage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type BuildOptions, buildSync, type Metafile } from 'esbuild';
import { SETTINGS_FILE } from '../lambda/core/contract';
import type { RefresherSettings, Registry } from '../lambda/core/model';
import { cutSourceMap } from './source-map';

const PROJECT_ROOT = join(__dirname, '..');
const ENTRY = join(PROJECT_ROOT, 'lambda/refresh-credentials/index.ts');
const DELEGATION_ENTRY = join(PROJECT_ROOT, 'lambda/delegate-repository/index.ts');
const REPLACEMENTS = join(PROJECT_ROOT, 'lambda/core/bundle');
const LEFT_OUT = join(REPLACEMENTS, 'left-out.ts');

/** Replacements for modules that a Lambda function does not need. They shorten the cold start (docs/decisions/0006). */
const REPLACED: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-node': join(REPLACEMENTS, 'environment-credentials.ts'),
  '@smithy/core/event-streams': LEFT_OUT,
  'node:process': join(REPLACEMENTS, 'global-process.ts'),
};

/** Packages that only some registries need. A bundle contains those of the registries in its settings. */
const NEEDED_BY: Readonly<Record<string, (registry: Registry) => boolean>> = {
  '@aws-sdk/client-ecr': ({ type }) => type === 'ecr',
  '@aws-sdk/client-ecr-public': ({ type }) => type === 'ecr-public',
  '@aws-sdk/credential-providers': (registry) => registry.type === 'ecr' && registry.roleArn !== undefined,
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

/** The code of a function. */
export interface BundledCode {
  /** The code as an asset. */
  readonly code: Code;
  /** Hash of the files, the same on every machine and for every account. */
  readonly hash: string;
}

/** A bundle before it is written to a directory. */
interface Bundle {
  readonly code: string;
  readonly map: string;
  readonly metafile: Metafile;
}

/** What this process has bundled, by entry and replaced packages. Stacks of one app often need the same bundle. */
const bundles = new Map<string, Bundle>();

/**
 * Returns the refresher's code with its settings.
 *
 * The bundle is written into the cloud assembly that is being synthesised.
 */
export function refresherCode(scope: Construct, settings: RefresherSettings): BundledCode {
  return bundledCode(scope, (directory) => bundleFunction(directory, settings));
}

/** Returns the delegation function's code. It has no settings: each request carries its own. */
export function delegationCode(scope: Construct): BundledCode {
  return bundledCode(scope, (directory) => bundleFunction(directory, undefined, DELEGATION_ENTRY));
}

function bundledCode(scope: Construct, bundle: (directory: string) => void): BundledCode {
  const directory = join(Stage.of(scope)?.outdir ?? 'cdk.out', 'bundles', Names.uniqueId(scope));
  bundle(directory);
  return { code: Code.fromAsset(directory), hash: FileSystem.fingerprint(directory) };
}

/**
 * Bundles a function into a directory: `index.mjs`, `index.mjs.map` and the settings file.
 *
 * The same sources and settings give the same bytes on every machine, so the asset's hash changes only when the
 * function changes.
 *
 * @param directory - created when it does not exist
 * @param settings - undefined for a function without a settings file
 * @param entry - the module that exports `handler`; by default the refresher's
 * @returns esbuild's metafile, which lists the inputs of the bundle
 * @throws BuildFailure of esbuild when the sources cannot be bundled
 */
export function bundleFunction(
  directory: string,
  settings: RefresherSettings | undefined,
  entry = ENTRY,
): Metafile {
  const alias = { ...REPLACED, ...(settings && packagesLeftOut(settings)) };
  const key = JSON.stringify([entry, alias]);
  const bundle = bundles.get(key) ?? build(entry, alias);
  bundles.set(key, bundle);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'index.mjs'), bundle.code);
  writeFileSync(join(directory, 'index.mjs.map'), bundle.map);
  if (settings) writeFileSync(join(directory, SETTINGS_FILE), `${JSON.stringify(settings, null, 1)}\n`);
  return bundle.metafile;
}

function packagesLeftOut({ targets }: RefresherSettings): Record<string, string> {
  const unneeded = Object.entries(NEEDED_BY).filter(
    ([, isNeeded]) => !targets.some(({ registry }) => isNeeded(registry)),
  );
  return Object.fromEntries(unneeded.map(([name]) => [name, LEFT_OUT]));
}

function build(entry: string, alias: Record<string, string>): Bundle {
  const plain = runEsbuild(entry, alias);
  const built = plain.code.includes(REQUIRE_IS_CALLED) ? runEsbuild(entry, alias, REQUIRE_BANNER) : plain;
  return { ...built, map: JSON.stringify(cutSourceMap(JSON.parse(built.map), PROJECT_ROOT, PROJECT_ROOT)) };
}

function runEsbuild(entry: string, alias: Record<string, string>, banner = ''): Bundle {
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
    alias,
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
