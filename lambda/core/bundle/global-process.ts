/**
 * Replaces `node:process` in the bundle (`lib/refresher-code.ts`). Importing that module reads every property of the
 * process. One of them is standard input, which is opened by the read.
 */
export const { env, versions } = process;
