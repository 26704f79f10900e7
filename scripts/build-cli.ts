/** `npm run build:cli`: bundles the command line for the package, so that it starts fast and needs no other package. */

import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

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
  // A process of its own runs this file: see `local/lambda-process.ts`.
  copyFileSync(join(ROOT, 'local/lambda-bootstrap.mjs'), join(outdir, 'lambda-bootstrap.mjs'));
  writeFileSync(join(outdir, 'THIRD_PARTY_LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)));
}

/** Returns the licences of the packages from which files were bundled. @throws Error when a package has none */
function licencesOf(inputs: readonly string[]): string {
  const folders = inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  const sections = [...new Set(folders)].sort().map((folder) => {
    const directory = join(ROOT, folder);
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    if (license === undefined && files.length === 0) throw new Error(`${folder} names no licence`);
    const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
    return { heading: `${name} ${version} (${license})`, text: texts.join('\n\n') };
  });
  return [...groupedByText(sections)]
    .map(([text, headings]) => `${headings.join('\n')}\n\n${text}\n`)
    .join(SEPARATOR);
}

const SEPARATOR = `\n${'-'.repeat(80)}\n\n`;

/** Most packages of the AWS SDK have the same licence, which is two thirds of the file otherwise. */
function groupedByText(
  sections: readonly { readonly heading: string; readonly text: string }[],
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { heading, text } of sections) groups.set(text, [...(groups.get(text) ?? []), heading]);
  return groups;
}

async function main(): Promise<void> {
  const outdir = join(ROOT, 'dist/cli');
  await buildCli(outdir);
  process.stdout.write(`${relative(process.cwd(), outdir)}: ${readdirSync(outdir).length} files\n`);
}

if (require.main === module) void main();
