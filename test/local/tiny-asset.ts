import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A function's asset with source that a test provides. */
export interface TinyAsset {
  readonly directory: string;
  /** Deletes the directory. */
  remove(): void;
}

/** Writes an asset to a new directory. @param source - the content of `index.mjs` */
export function writeTinyAsset(source: string): TinyAsset {
  const directory = mkdtempSync(join(tmpdir(), 'tiny-asset-'));
  writeFileSync(join(directory, 'index.mjs'), source);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Source of an asset whose event names what the function does. */
export const SCRIPTED_SOURCE = `
console.log('imported');
let count = 0;
const acts = {
  count: () => ({ count: ++count }),
  echo: (event) => event.value,
  nothing: () => undefined,
  odd: () => ({ when: new Date(0), gone: undefined, nan: NaN }),
  circle: () => { const it = {}; it.it = it; return it; },
  environment: () => ({ ...process.env }),
  time: (_, context) => ({
    nowMs: Date.now(),
    constructedMs: new Date().getTime(),
    fixed: new Date(0).toISOString(),
    isDate: new Date() instanceof Date,
    remainingMs: context.getRemainingTimeInMillis(),
  }),
  context: (_, context) => ({ ...context, remainingMs: context.getRemainingTimeInMillis() }),
  fail: () => { class PlannedError extends Error { name = 'PlannedError' } throw new PlannedError('as planned'); },
  failWithText: () => { throw 'just text'; },
  exit: () => process.exit(7),
  crash: async () => {
    console.log('before the crash');
    setTimeout(() => { throw new Error('out of nowhere'); }, 1);
    await new Promise(() => {});
  },
  reject: async () => { Promise.reject(new Error('not handled')); await new Promise(() => {}); },
  dieLater: () => { setTimeout(() => process.exit(3), 5); return 'done'; },
  sleep: ({ ms }) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)),
  print: ({ lines }) => {
    for (const line of lines) process.stdout.write(line + '\\n');
    process.stdout.write('no line feed');
    console.error('to stderr');
  },
};
export const handler = async (event, context) => acts[event.act](event, context);
`;
