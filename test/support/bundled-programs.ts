/** Bundles the programs that tests start again and again: a bundle starts in a third of the time of its sources. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(__dirname, '../..');

/** The programs: name of the bundle without `.js`, and source. */
const PROGRAMS = {
  'runpod-ecr': join(ROOT, 'bin/runpod-ecr.ts'),
  start: join(ROOT, 'cli/start.ts'),
} as const;

/** Writes the bundles into a directory. */
export async function bundlePrograms(directory: string): Promise<void> {
  await build({
    entryPoints: PROGRAMS,
    outdir: directory,
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'error',
    // As bin/runpod-ecr.mjs does.
    banner: { js: "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';" },
    plugins: [ownDirectories, packagesInPlace],
  });
}

/** Returns the path of a program's bundle. */
export function programIn(directory: string, name: keyof typeof PROGRAMS): string {
  return join(directory, `${name}.js`);
}

/** Every source of the project finds its neighbours where it stands, not where the bundle stands. */
const ownDirectories: Plugin = {
  name: 'own-directories',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path.includes('node_modules')) return undefined;
      const text = await readFile(path, 'utf8');
      return { loader: 'ts', contents: text.replaceAll('__dirname', JSON.stringify(dirname(path))) };
    });
  },
};

/** These packages read files beside their own code, so they stay where they are installed. */
const packagesInPlace: Plugin = {
  name: 'packages-in-place',
  setup({ onResolve }) {
    const { resolve } = createRequire(join(ROOT, 'package.json'));
    onResolve({ filter: /^(aws-cdk-lib|constructs|esbuild)(\/|$)/ }, ({ path }) => ({
      path: resolve(path),
      external: true,
    }));
  },
};
