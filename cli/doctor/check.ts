/** The checks of `doctor`: their type, their results, and how they run as a graph. */

import { CliError, describeAwsError, explainAwsError, isOwnError } from '../errors';
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
  readonly status: Status;
  /** What was found, or what is wrong. The first line is the summary. */
  readonly found: readonly string[];
  /** The command or the edit that fixes it. @default - there is nothing to do */
  readonly fix?: string;
  /** The problems, if they have different fixes. `found` and `fix` then have the same texts and the first fix. */
  readonly problems?: readonly Problem[];
  /** Id of the broken check because of which this was not checked. @default - it was checked */
  readonly because?: string;
  /** It is broken, but the checks that need it can run. @default false */
  readonly usable?: boolean;
  /** It is broken because AWS did not answer. @default false */
  readonly unreachable?: boolean;
  /** It stays broken although another region works. @default false */
  readonly pages?: boolean;
}

/** The broken check that explains something. */
export type Cause = Pick<Check, 'id' | 'title'>;

/**
 * Returns the first of these checks that is broken. A check that was not checked counts as the broken one behind it.
 *
 * @param ids - checks that `needs` or `after` names
 */
export type FindCause = (ids: readonly string[]) => Cause | undefined;

/** One check. */
export interface Check {
  /** Identifies the check in `--json`. */
  readonly id: string;
  readonly title: string;
  /** Whether it also makes sense where repositories are delegated and nothing is refreshed. @default false */
  readonly withoutTargets?: boolean;
  /** Ids of earlier checks without which this one cannot run. @default - it can always run */
  readonly needs?: readonly string[];
  /** Ids of earlier checks whose results this one asks for with `causeAmong`, so that it waits for them. @default - none */
  readonly after?: readonly string[];
  /** Says how far the check has come, for a terminal. @default - only the title is shown */
  progress?(): string;
  /** Runs the check. An error that it throws counts as a broken check. */
  run(causeAmong?: FindCause): Promise<Finding>;
}

/** The result of one check, as `--json` shows it. */
export interface CheckResult
  extends Pick<Check, 'id' | 'title'>,
    Omit<Finding, 'usable' | 'unreachable' | 'pages'> {}

/** Stands for the other checks where a check runs alone: none of them is broken. */
export const NO_CAUSE: FindCause = () => undefined;

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

/** Makes the finding of a check that was not run, or whose result has another check as its cause. */
export function notChecked({ id, title }: Cause): Finding {
  return { status: 'not-checked', found: [`not checked, because "${title}" is broken`], because: id };
}

/** Joins findings of one check that stand beside each other. Each keeps its own fix. @param findings - at least one */
export function together(findings: readonly Finding[]): Finding {
  const [only, ...others] = findings;
  if (only && others.length === 0) return only;
  const isBroken = findings.some(({ status }) => status === 'broken');
  const sorted = [...findings].sort((a, b) => Number(b.status === 'broken') - Number(a.status === 'broken'));
  const fixes = sorted.flatMap(({ fix }) => fix ?? []);
  return {
    status: isBroken ? 'broken' : 'warning',
    found: sorted.flatMap(({ found }) => found),
    ...(findings.some(({ pages }) => pages) && { pages: true }),
    ...(findings.some(({ unreachable }) => unreachable) && { unreachable: true }),
    ...(fixes[0] !== undefined && { fix: fixes[0] }),
    ...(new Set(fixes).size > 1 && { problems: sorted.flatMap(problemsOf) }),
  };
}

/** The lines of a finding. The fix stands under the last one. */
function problemsOf({ status, found, fix }: Finding): Problem[] {
  return found.map((line, at) => ({
    status: status === 'broken' ? 'broken' : 'warning',
    found: line,
    ...(fix !== undefined && at === found.length - 1 && { fix }),
  }));
}

/**
 * Decides how a finding is shown. Whether dependent checks run depends on the finding itself.
 *
 * @param findingOf - waits for the finding of another check; undefined when there is no such check
 */
export type JudgeFinding = (
  check: Check,
  finding: Finding,
  findingOf: (id: string) => Promise<Finding | undefined>,
) => Promise<Finding>;

/** How the checks are run. */
export interface RunOptions {
  /** @default - each finding is shown as it is */
  readonly judge?: JudgeFinding | undefined;
  /** Called with each result in the order of the checks, as soon as it and those before it are known. */
  readonly onResult: (result: CheckResult) => void;
  /** Called with the checks that are under way, each time they change. */
  readonly onProgress?: (running: readonly Check[]) => void;
}

/**
 * Runs the checks at the same time, each as soon as the earlier checks that it names have ended. A check that needs a
 * broken one is not run.
 *
 * @param checks - each after those that it names. A named check that is not among them is taken as well
 * @returns the results in the order of the checks
 */
export async function runChecks(
  checks: readonly Check[],
  { onResult, onProgress = () => undefined, judge = async (_, finding) => finding }: RunOptions,
): Promise<CheckResult[]> {
  const findings = new Map<string, Finding>();
  const causeAmong: FindCause = (ids) =>
    firstCause(checks, ids, (id) => {
      const finding = findings.get(id);
      return finding?.status === 'broken' ? id : finding?.because;
    });
  const blockerAmong: FindCause = (ids) =>
    firstCause(checks, ids, (id) => {
      const finding = findings.get(id);
      return finding?.status === 'broken' && !finding.usable ? id : finding?.because;
    });
  const running = new Set<Check>();
  const report = () => onProgress(checks.filter((check) => running.has(check)));
  const ended = new Map<string, Promise<Finding>>();
  for (const check of checks) {
    const { needs = [], after = [] } = check;
    const run = async () => {
      await Promise.all([...needs, ...after].map((id) => ended.get(id)));
      const blocker = blockerAmong(needs);
      if (blocker) return notChecked(blocker);
      running.add(check);
      report();
      const finding = await runSafely(check, causeAmong);
      running.delete(check);
      report();
      return finding;
    };
    const end = run().then((finding) => {
      findings.set(check.id, finding);
      return finding;
    });
    ended.set(check.id, end);
  }
  const results: CheckResult[] = [];
  for (const check of checks) {
    const { id, title } = check;
    const raw = (await ended.get(id)) as Finding;
    const { usable, unreachable, pages, ...finding } = await judge(check, raw, async (one) => ended.get(one));
    const result = { id, title, ...finding };
    results.push(result);
    onResult(result);
  }
  return results;
}

/** @param causeOf - returns the id of the check that is broken; undefined when nothing is */
function firstCause(
  checks: readonly Check[],
  ids: readonly string[],
  causeOf: (id: string) => string | undefined,
): Cause | undefined {
  const causes = new Set(ids.map(causeOf));
  return checks.find(({ id }) => causes.has(id));
}

/** The fix of a check whose error says itself what to do. */
export const FIX_AND_REPEAT = 'fix this, then run doctor again';

async function runSafely(check: Check, causeAmong: FindCause): Promise<Finding> {
  try {
    return await check.run(causeAmong);
  } catch (error) {
    return brokenBy(error);
  }
}

/** Makes the finding of a check that an error has stopped. */
export function brokenBy(error: unknown): Finding {
  if (error instanceof CliError && error.fix !== undefined) return fail([error.problem], error.fix);
  const explained = explainAwsError(error);
  if (explained) {
    const { problem, fix, needsSignIn } = explained;
    return { ...fail([problem], fix), ...(!needsSignIn && { unreachable: true }) };
  }
  return fail([isOwnError(error) ? error.message : describeAwsError(error)], FIX_AND_REPEAT);
}
