/** Where the tests find what `test/global-setup.ts` builds once, before the first test. */

/** Variables with the path of each thing that is built. */
export const BUILT = {
  /** The cloud assembly of `refresher.config.example.json`. */
  assembly: 'BUILT_ASSEMBLY',
  /** The refresher's asset in that assembly. */
  asset: 'BUILT_ASSET',
  /** The refresher, bundled for all kinds of registry. */
  bundle: 'BUILT_BUNDLE',
  /** The watch, bundled for all kinds of registry. */
  watch: 'BUILT_WATCH',
  /** The asset of the function that delegates repositories. */
  delegationAsset: 'BUILT_DELEGATION_ASSET',
  /** The directory with the programs of `test/support/bundled-programs.ts`. */
  programs: 'BUILT_PROGRAMS',
} as const;

/** Returns a path. @throws Error when the global setup did not run */
export function built(what: keyof typeof BUILT): string {
  const path = process.env[BUILT[what]];
  if (path === undefined) throw new Error(`${BUILT[what]} is not set: jest runs test/global-setup.ts first`);
  return path;
}
