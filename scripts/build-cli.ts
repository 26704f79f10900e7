/** `npm run build:cli`: bundles the command line for the package, so that it starts fast and needs no other package. */

import { copyFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { LICENCES_FILE, licencesOf } from './third-party-licences';

const ROOT = join(__dirname, '..');

/** The user's own app has these. Only the commands that synthesise a stack load them. */
const PEERS = ['aws-cdk-lib', 'constructs'];

/** Gives an ES module what CommonJS code expects. Some of the bundled packages are CommonJS. */
const COMMONJS_GLOBALS =
  "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url),__dirname=import.meta.dirname;";

/**
 * Bundles the command line as ES modules. Each command is a file of its own, which is loaded when the command runs.
 *
 * @param outdir - replaced if it exists. `dist/functions` is beside it in the package.
 * @throws BuildFailure of esbuild when the sources cannot be bundled
 */
export async function buildCli(outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { 'runpod-ecr': join(ROOT, 'bin/runpod-ecr.ts') },
    outdir,
    absWorkingDir: ROOT,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: PEERS.flatMap((name) => [name, `${name}/*`]),
    outExtension: { '.js': '.mjs' },
    banner: { js: COMMONJS_GLOBALS },
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  // Processes of their own run these files: see `local/lambda-process.ts` and `local/registry-host.ts`.
  for (const file of ['lambda-bootstrap.mjs', 'registry-host.mjs']) {
    copyFileSync(join(ROOT, 'local', file), join(outdir, file));
  }
  writeFileSync(join(outdir, LICENCES_FILE), licencesOf(Object.keys(metafile.inputs)));
}

async function main(): Promise<void> {
  const outdir = join(ROOT, 'dist/cli');
  await buildCli(outdir);
  process.stdout.write(`${relative(process.cwd(), outdir)}: ${readdirSync(outdir).length} files\n`);
}

if (require.main === module) void main();
