import * as esbuild from 'esbuild';
import { TestEnvironment } from 'jest-environment-node';

/** What this worker has bundled, by its options. The sources do not change while tests run. */
const bundles = new Map<string, esbuild.BuildResult>();

const esbuildOfWorker = {
  ...esbuild,
  buildSync(options: esbuild.BuildOptions): esbuild.BuildResult {
    const key = JSON.stringify(options);
    const bundle = bundles.get(key) ?? esbuild.buildSync(options);
    bundles.set(key, bundle);
    return bundle;
  },
};

// At the end of a worker, Node would free a heap of hundreds of megabytes. Jest waits half a second before it warns.
process.once('exit', () => process.exit());

/**
 * Node, with one esbuild for all test files of a worker. Each file has modules of its own, so each would start
 * esbuild's service again, and bundle the same functions again. See `esbuild.ts` in this folder.
 */
export default class EnvironmentWithEsbuild extends TestEnvironment {
  override async setup(): Promise<void> {
    await super.setup();
    Object.assign(this.global, { esbuildOfWorker });
  }
}
