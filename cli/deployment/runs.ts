/** What the log of the function says about its last runs. */

import { LOG_MESSAGES } from '../../lambda/core/contract';
import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { withoutSecretForms } from '../../lambda/core/shown-text';
import type { Operator } from '../operator';
import { visibleLine, visibleName } from '../visible';
import { type LastSuccess, type LogLine, lastSuccesses, readHistory } from './history';
import type { DeployedStack } from './stack';

/** How far back runs are searched. An ECR credential from an older run has expired. */
const LOOK_BACK_MS = ECR_TOKEN_LIFE_HOURS * 60 * 60_000;

/** Longest message of a failure that is shown, in characters. */
const MAX_WHY = 1_000;

/** A run that was to write: no dry run. */
export interface LastRun {
  /** When it ended. */
  readonly at: Date;
  readonly refreshed: number;
  readonly failed: number;
}

/** Why the last attempt to refresh a target failed. All texts are safe to show. */
export interface LastFailure {
  readonly at: Date;
  /** What the failure needs: `operator-must-act`, or `transient` for a retry. */
  readonly kind: string;
  /** Why a person must act. @default - the failure is transient */
  readonly reason?: string;
  readonly why: string;
  /** When the first attempt after the last success failed. */
  readonly since: Date;
}

/** What the log says about one target. */
export interface TargetRuns {
  readonly target: string;
  /** @default - none in the last 12 hours */
  readonly success?: LastSuccess;
  /** @default - the last attempt succeeded, or there was none */
  readonly failure?: LastFailure;
}

/** The last runs of the function. */
export interface Runs {
  /** @default - none in the last 12 hours */
  readonly lastRun?: LastRun;
  /** The targets of the settings. The log may also have targets that were renamed or removed. */
  readonly targets: readonly TargetRuns[];
}

/** Reads the runs of the last 12 hours. @throws the AWS client's error, ConfigError or CliError */
export async function readRuns(operator: Operator, stack: DeployedStack): Promise<Runs> {
  const since = new Date(Date.now() - LOOK_BACK_MS);
  const lines = withoutDryRuns(await readHistory(operator, stack.output('LogGroupName'), since));
  const { targets } = await operator.settings();
  const successes = lastSuccesses(lines);
  const failures = lastFailures(lines);
  const end = lines.findLast(({ message }) => message === LOG_MESSAGES.runFinished);
  return {
    ...(end && { lastRun: lastRunOf(end) }),
    targets: targets.map(({ name }) => {
      const success = successes.get(name);
      const failure = failures.get(name);
      return { target: name, ...(success && { success }), ...(failure && { failure }) };
    }),
  };
}

/** A run logs its targets and then its end, which says whether it was a dry run. Retries of an event share its id. */
function withoutDryRuns(lines: readonly LogLine[]): LogLine[] {
  const open = new Map<string, LogLine[]>();
  const kept = new Set<LogLine>(lines);
  for (const line of lines) {
    const run = [...(open.get(line.requestId) ?? []), line];
    const isEnd = line.message === LOG_MESSAGES.runFinished;
    open.set(line.requestId, isEnd ? [] : run);
    if (isEnd && line.fields.dryRun === true) for (const one of run) kept.delete(one);
  }
  return lines.filter((line) => kept.has(line));
}

function lastRunOf({ at, fields: { refreshed, failed } }: LogLine): LastRun {
  return { at, refreshed: Number(refreshed) || 0, failed: Number(failed) || 0 };
}

/** Returns the failures that no success followed, by target name. @param lines - oldest first */
function lastFailures(lines: readonly LogLine[]): Map<string, LastFailure> {
  const failures = new Map<string, LastFailure>();
  for (const { at, message, fields } of lines) {
    const target = String(fields.target);
    if (message === LOG_MESSAGES.targetRefreshed) failures.delete(target);
    if (message !== LOG_MESSAGES.targetFailed) continue;
    failures.set(target, {
      at,
      kind: visibleName(String(fields.kind ?? 'transient')),
      ...(typeof fields.reason === 'string' && { reason: visibleName(fields.reason) }),
      // Secrets go before the text is cut, because a cut secret has another form.
      why: visibleName(withoutSecretForms(visibleLine(String(fields.why ?? ''))), MAX_WHY),
      since: failures.get(target)?.since ?? at,
    });
  }
  return failures;
}

/** Returns the life that is left in the credential with the least, in milliseconds; undefined when none expires. */
export function leastLifeMs(runs: Runs, nowMs = Date.now()): number | undefined {
  const lives = runs.targets.flatMap(({ success }) =>
    success?.expiresAt ? [success.expiresAt.getTime() - nowMs] : [],
  );
  return lives.length === 0 ? undefined : Math.min(...lives);
}

/** Returns how long ago the target was refreshed that has waited longest, in milliseconds; undefined when none was. */
export function oldestSuccessMs(runs: Runs, nowMs = Date.now()): number | undefined {
  const ages = runs.targets.flatMap(({ success }) => (success ? [nowMs - success.at.getTime()] : []));
  return ages.length === 0 ? undefined : Math.max(...ages);
}
