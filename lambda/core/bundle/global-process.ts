/**
 * Takes the place of `node:process` in the bundle (`lib/refresher-code.ts`). Importing that module reads every
 * property of the process, standard input among them, which opens it.
 */
export const { env, versions } = process;
