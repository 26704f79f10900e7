/** The checks of `doctor`: their type, their results, and how they run one after another. */

import { CliError, describeAwsError, isOwnError } from '../errors';
import type { Status } from '../output';

/** One of several problems that a check found. */
export interface Problem {
  readonly status: 'broken' | 'warning';
  readonly found: string;
  /** @default - there is nothing to do */
  readonly fix?: string;
}

/** What a check found. */
export interface Finding {
  readonly status: Exclude<Status, 'not-checked'>;
  /** What was found, or what is wrong. The first line is the summary. */
  readonly found: readonly string[];
  /** The command or the edit that fixes it. @default - there is nothing to do */
  readonly fix?: string;
  /** The problems, if they have different fixes. `found` and `fix` then have the same texts and the first fix. */
  readonly problems?: readonly Problem[];
}

/** One check. It relies on the checks before it: they were not broken. */
export interface Check {
  /** Identifies the check in `--json`. */
  readonly id: string;
  readonly title: string;
  /** Whether it also makes sense where repositories are delegated and nothing is refreshed. @default false */
  readonly withoutTargets?: boolean;
  /** Says how far the check has come, for a terminal. @default - only the title is shown */
  progress?(): string;
  /** Runs the check. An error that it throws counts as a broken check. */
  run(): Promise<Finding>;
}

/** The result of one check, as `--json` shows it. */
export interface CheckResult extends Pick<Check, 'id' | 'title'>, Omit<Finding, 'status'> {
  readonly status: Status;
}

/** Makes the finding of a check that passed. */
export function ok(...found: string[]): Finding {
  return { status: 'ok', found };
}

/** Makes the finding of a check that passed, with something that a person should know. */
export function warn(found: readonly string[], fix?: string): Finding {
  return { status: 'warning', found, ...(fix !== undefined && { fix }) };
}

/** Makes the finding of a check that failed. */
export function fail(found: readonly string[], fix: string): Finding {
  return { status: 'broken', found, fix };
}

/**
 * Runs the checks in order until one is broken. The later checks are not run, because the same cause would break them.
 *
 * @param wrap - called around each check, to show progress
 * @param onResult - called with each result as soon as it is known
 */
export async function runChecks(
  checks: readonly Check[],
  wrap: (check: Check, run: () => Promise<Finding>) => Promise<Finding>,
  onResult: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  let broken = false;
  for (const check of checks) {
    const { id, title } = check;
    const result: CheckResult = broken
      ? { id, title, status: 'not-checked', found: ['not checked'] }
      : { id, title, ...(await wrap(check, () => runSafely(check))) };
    broken ||= result.status === 'broken';
    results.push(result);
    onResult(result);
  }
  return results;
}

/** The fix of a check whose error says itself what to do. */
export const FIX_AND_REPEAT = 'fix this, then run doctor again';

async function runSafely(check: Check): Promise<Finding> {
  try {
    return await check.run();
  } catch (error) {
    if (error instanceof CliError && error.fix !== undefined) return fail([error.problem], error.fix);
    return fail([isOwnError(error) ? error.message : describeAwsError(error)], FIX_AND_REPEAT);
  }
}
