/** The state of the watch for `status`: its last look in words. */

import { describeAwsError } from '../errors';
import { formatCount, formatDuration, formatTime } from '../format';
import type { Operator } from '../operator';
import { commandLine, type GlobalOptions } from '../options';
import type { Output } from '../output';
import { isHealthy, judgeWatch } from './health';
import type { DeployedStack } from './stack';
import { type LastLook, readLastLook, silentAfterMs } from './watch';

/** The watch, as `--json` shows it. */
export interface WatchStatus extends Partial<Omit<LastLook, 'at'>> {
  /** ISO 8601. @default - no look within a day, or the log cannot be read */
  readonly lastLook?: string;
  /** It should have looked since. */
  readonly silent: boolean;
  /** Why the log cannot be read. */
  readonly unknown?: string;
  /** False when it is silent, or when two looks in a row found a problem. */
  readonly healthy: boolean;
}

/** Reads the state of the watch; undefined when there is to be none. @throws ConfigError or CliError */
export async function readWatchStatus(
  operator: Operator,
  stack: DeployedStack,
): Promise<WatchStatus | undefined> {
  const settings = await operator.pullWatch();
  if (!settings) return undefined;
  const limitMs = silentAfterMs(settings.intervalMinutes);
  try {
    const look = await readLastLook(operator, stack.output('WatchLogGroupName'), settings.intervalMinutes);
    const activeMs = Math.max(look?.at.getTime() ?? 0, stack.changedAt.getTime());
    const silent = Date.now() - activeMs > limitMs;
    if (!look) return { silent, healthy: isHealthy(judgeWatch({ silent })) };
    const { at, ...rest } = look;
    const healthy = isHealthy(judgeWatch({ silent, ...rest }));
    return { lastLook: at.toISOString(), silent, healthy, ...rest };
  } catch (error) {
    // The targets and alarms are known all the same.
    return { silent: false, unknown: describeAwsError(error), healthy: true };
  }
}

/** So many problems are shown as text. `--json` shows more. */
const MAX_SHOWN = 10;

/** Prints the state of the watch. */
export function showWatch(output: Output, watch: WatchStatus, options: GlobalOptions): void {
  const { colors } = output;
  const { lastLook, silent, unknown, findingCount = 0, workloads = 0, images = 0 } = watch;
  if (lastLook === undefined) {
    const why = unknown === undefined ? 'no look within a day' : `unknown: ${unknown}`;
    output.line(`Watch       ${silent ? colors.red(why) : why}`);
    return;
  }
  const ago = `${formatTime(new Date(lastLook))} (${formatDuration(Date.now() - Date.parse(lastLook))} ago)`;
  const late = silent ? colors.red(' and is late') : '';
  const looked = `${formatCount(workloads, 'workload')}, ${formatCount(images, 'image')}`;
  const result = findingCount === 0 ? 'no problem' : colors.red(formatCount(findingCount, 'problem'));
  output.line(`Watch       looked ${ago}${late} at ${looked}: ${result}`);
  showFindings(output, watch, options);
  showGaps(output, watch);
}

function showFindings(output: Output, watch: WatchStatus, options: GlobalOptions): void {
  const { findings = [], findingCount = 0 } = watch;
  for (const { workload, image, detail, confirmed } of findings.slice(0, MAX_SHOWN)) {
    const seen = confirmed ? 'seen by two looks in a row' : 'seen by one look so far';
    output.line(`  ${output.mark(confirmed ? 'broken' : 'warning')} ${workload}: ${image}`);
    output.line(`    ${detail} (${seen})`);
  }
  const left = findingCount - Math.min(findings.length, MAX_SHOWN);
  if (left > 0)
    output.line(`  and ${formatCount(left, 'problem')} more: ${commandLine('status --json', options)}`);
}

function showGaps(output: Output, { blind = [], notLooked = [] }: WatchStatus): void {
  for (const { target, reason } of blind.slice(0, MAX_SHOWN)) {
    output.line(`  ${output.mark('warning')} blind for target ${target}: ${reason}`);
  }
  for (const { because, count } of notLooked.slice(0, MAX_SHOWN)) {
    output.line(`  ${output.mark('not-checked')} not looked at (${count}): ${because}`);
  }
}
