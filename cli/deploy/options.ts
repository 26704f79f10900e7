/** The flags of `deploy`. */

import { usageError } from '../errors';

/** The flags of `deploy`. */
export interface DeployFlags {
  /** Full address of an image, or the repository of a target; with a tag or a digest. */
  readonly image: string;
  /** Name of a target. @default - the target that has the repository */
  readonly target?: string;
  /** Name or id of a registry auth at Runpod, instead of the targets of a configuration. */
  readonly auth?: string;
  /** How long new workers may take, such as `15m`. */
  readonly timeout: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Deploy although another release is being rolled out. @default false */
  readonly force?: boolean;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

const MAX_TIMEOUT_MS = 24 * 3_600_000;

/** Reads a length of time such as `90s`, `15m` or `1h`. @returns milliseconds @throws CliError (usage error) */
export function parseTimeout(text: string): number {
  const [, number, unit = ''] = /^(\d{1,5}(?:\.\d{1,3})?)([smh])$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw usageError(`--timeout: expected a time such as 90s, 15m or 1h, found "${text}".`);
}
