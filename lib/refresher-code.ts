/** Makes the functions' assets: one ES module, its source map, and for the refresher the settings beside it. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Names, Stage } from 'aws-cdk-lib';
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

/** What every bundle has in place of a package, so that no cold start pays for what Lambda has no use for (docs/decisions/0006). */
const REPLACED: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-node': join(REPLACEMENTS, 'environment-credentials.ts'),
  '@smithy/core/event-streams': LEFT_OUT,
  'node:process': join(REPLACEMENTS, 'global-process.ts'),
};

/** Packages that some registries need. A bundle has those of the registries in its settings. */
const NEEDED_BY: Readonly<Record<string, (registry: Registry) => boolean>> = {
  '@aws-sdk/client-ecr': ({ type }) => type === 'ecr',
  '@aws-sdk/client-ecr-public': ({ type }) => type === 'ecr-public',
  '@aws-sdk/credential-providers': (registry) => registry.type === 'ecr' && registry.roleArn !== undefined,
};

/** Node loads its web streams when these are looked at; the SDK does, to find that a body is neither. */
const NEVER_USED = { ReadableStream: 'undefined', Blob: 'undefined' };

/** A CommonJS dependency that calls `require` needs one; an ES module has none of its own. */
const REQUIRE_BANNER = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";
const REQUIRE_IS_CALLED = 'Dynamic require of';

/** The refresher's code as an asset, bundled inside the assembly that is being synthesised. */
export function refresherCode(scope: Construct, settings: RefresherSettings): Code {
  return bundledCode(scope, (directory) => bundleFunction(directory, settings));
}

/** The code that delegates repositories, in the same way. Its settings come with each request. */
export function delegationCode(scope: Construct): Code {
  return bundledCode(scope, (directory) => bundleFunction(directory, undefined, DELEGATION_ENTRY));
}

function bundledCode(scope: Construct, bundle: (directory: string) => void): Code {
  const directory = join(Stage.of(scope)?.outdir ?? 'cdk.out', 'bundles', Names.uniqueId(scope));
  bundle(directory);
  return Code.fromAsset(directory);
}

/**
 * Bundles a function into a directory: `index.mjs`, `index.mjs.map` and the settings file. The same sources and
 * settings give the same bytes on every machine, so that the asset's hash changes only when the function does.
 *
 * @param settings - undefined for a function that reads none: no file then
 * @param entry - the module that exports `handler`; by default the refresher's
 * @returns esbuild's account of what went into the bundle
 */
export function bundleFunction(
  directory: string,
  settings: RefresherSettings | undefined,
  entry = ENTRY,
): Metafile {
  mkdirSync(directory, { recursive: true });
  const alias = { ...REPLACED, ...(settings && packagesLeftOut(settings)) };
  const plain = build(entry, directory, alias);
  const built = plain.code.includes(REQUIRE_IS_CALLED)
    ? build(entry, directory, alias, REQUIRE_BANNER)
    : plain;
  const map = cutSourceMap(JSON.parse(built.map), directory, PROJECT_ROOT);
  writeFileSync(join(directory, 'index.mjs'), built.code);
  writeFileSync(join(directory, 'index.mjs.map'), JSON.stringify(map));
  if (settings) writeFileSync(join(directory, SETTINGS_FILE), `${JSON.stringify(settings, null, 1)}\n`);
  return built.metafile;
}

function packagesLeftOut({ targets }: RefresherSettings): Record<string, string> {
  const unneeded = Object.entries(NEEDED_BY).filter(
    ([, isNeeded]) => !targets.some(({ registry }) => isNeeded(registry)),
  );
  return Object.fromEntries(unneeded.map(([name]) => [name, LEFT_OUT]));
}

function build(entry: string, directory: string, alias: Record<string, string>, banner = '') {
  const options = {
    entryPoints: [entry],
    outfile: join(directory, 'index.mjs'),
    absWorkingDir: PROJECT_ROOT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    alias,
    define: NEVER_USED,
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
