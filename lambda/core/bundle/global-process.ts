/**
 * Replaces `node:process` in the bundle (`scripts/build-functions.ts`). An import of that module reads every property of
 * `process`, and reading `process.stdin` opens standard input.
 */
export const { env, versions } = process;
