/**
 * Replaces `node:process` in the bundle (`lib/refresher-code.ts`). An import of that module reads every property of the
 * process, and the read of one of them opens standard input.
 */
export const { env, versions } = process;
