/**
 * What healthy means. `status` and `doctor` both judge with this module: a deployment is healthy when no problem is
 * `broken`. When two regions refresh the same targets, a problem of only one of them is a warning.
 */

import type { Side } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { formatCount, formatDuration } from '../format';
import type { DeployedAlarm } from './alarms';
import { type LastFailure, leastLifeMs, oldestSuccessMs, type Runs } from './runs';
import { intervalMs } from './stack';
import type { WatchedFinding } from './watch';

const HOUR_MS = 60 * 60_000;

/** What can be wrong with a deployment. `doctor` has a fix for each. */
export type HealthKind =
  | 'schedule-disabled'
  | 'not-refreshed'
  | 'credential-expired'
  | 'run-missed'
  | 'run-failed'
  | 'retries-waiting'
  | 'dead-letters'
  | 'undelivered'
  | 'alarm'
  | 'watch-silent'
  | 'pulls-failing'
  | 'region-unreadable';

/** One thing that is wrong. */
export interface HealthProblem {
  readonly kind: HealthKind;
  readonly severity: 'broken' | 'warning';
  /** What is wrong, one sentence each. Not empty. */
  readonly found: readonly string[];
  /** Whether a failure is one that no retry can fix. @default false */
  readonly needsPerson?: true;
  /** The region that has the problem, when two regions refresh the same targets. @default - there is one region */
  readonly region?: string;
}

/** The number of messages in each queue. */
export interface QueueCounts {
  /** Failed runs that will be tried again. */
  readonly waiting: number;
  /** Failed runs in the dead-letter queue. */
  readonly givenUp: number;
  /** Events that never reached the function. */
  readonly undelivered: number;
}

/** Judges the schedule. @param enabled - the state of its rule */
export function judgeSchedule(enabled: boolean): HealthProblem[] {
  if (enabled) return [];
  const found = ['the schedule is disabled: nothing is refreshed automatically'];
  return [{ kind: 'schedule-disabled', severity: 'broken', found }];
}

/** A transient failure is retried every 15 minutes. After this time the alarm RefreshFailing goes off. */
const TRANSIENT_LIMIT_MS = HOUR_MS;

/** So many failures of targets are shown. */
const MAX_SHOWN = 10;

/** Judges what the last runs did for each target. The most urgent problem is the first. */
export function judgeRuns(
  runs: Runs,
  { minCredentialMinutes }: Pick<RefresherSettings, 'minCredentialMinutes'>,
  nowMs = Date.now(),
): HealthProblem[] {
  const problems: HealthProblem[] = [];
  const never = runs.targets.filter(({ success }) => !success).map(({ target }) => target);
  const age = oldestSuccessMs(runs, nowMs);
  if ((leastLifeMs(runs, nowMs) ?? 1) <= 0) {
    problems.push({
      kind: 'credential-expired',
      severity: 'broken',
      found: ['the credential at Runpod has expired'],
    });
  }
  if (never.length > 0) {
    const more = never.length > MAX_SHOWN ? ` and ${never.length - MAX_SHOWN} more` : '';
    const found = [`${never.slice(0, MAX_SHOWN).join(', ')}${more}: not refreshed in the last 12 hours`];
    problems.push({ kind: 'not-refreshed', severity: 'broken', found });
  }
  const failed = judgeFailures(runs, nowMs);
  problems.push(...failed);
  if (isHealthy(problems) && age !== undefined && age > intervalMs(minCredentialMinutes) + HOUR_MS) {
    const found = [`a run was missed: ${describeRuns(runs, nowMs)}`];
    problems.push({ kind: 'run-missed', severity: 'broken', found });
  }
  return problems;
}

function judgeFailures(runs: Runs, nowMs: number): HealthProblem[] {
  const failures = runs.targets.flatMap(({ target, failure }) => (failure ? [{ target, failure }] : []));
  const isLasting = ({ kind, since }: LastFailure) =>
    kind !== 'transient' || nowMs - since.getTime() > TRANSIENT_LIMIT_MS;
  return (['broken', 'warning'] as const).flatMap((severity) => {
    const those = failures.filter(({ failure }) => isLasting(failure) === (severity === 'broken'));
    if (those.length === 0) return [];
    const lines = those
      .slice(0, MAX_SHOWN)
      .map(({ target, failure }) => `${target}: ${describeFailure(failure, nowMs)}`);
    const left = those.length - lines.length;
    const needsPerson = those.some(({ failure }) => failure.kind !== 'transient');
    return [
      {
        kind: 'run-failed' as const,
        severity,
        ...(needsPerson && { needsPerson }),
        found: left > 0 ? [...lines, `and ${formatCount(left, 'target')} more`] : lines,
      },
    ];
  });
}

function describeFailure({ at, why }: LastFailure, nowMs: number): string {
  return `its last run failed ${formatDuration(nowMs - at.getTime())} ago: ${why}`;
}

/** Says in a few words when the targets were refreshed, and how long the credentials live. */
export function describeRuns(runs: Runs, nowMs = Date.now()): string {
  const life = leastLifeMs(runs, nowMs);
  const left = life === undefined ? '' : `, good for another ${formatDuration(life)}`;
  return `refreshed ${formatDuration(oldestSuccessMs(runs, nowMs) ?? 0)} ago${left}`;
}

/**
 * Judges the queues. A dead letter is history once later runs have refreshed every target: its own run is not needed
 * any more.
 *
 * @param refreshed - whether `judgeRuns` found nothing broken
 */
export function judgeQueues(
  { waiting, givenUp, undelivered }: QueueCounts,
  refreshed: boolean,
): HealthProblem[] {
  const problems: HealthProblem[] = [];
  if (givenUp > 0) {
    const history = refreshed ? '; later runs have refreshed every target' : '';
    problems.push({
      kind: 'dead-letters',
      severity: refreshed ? 'warning' : 'broken',
      found: [`${formatCount(givenUp, 'failed run')} in the dead-letter queue${history}`],
    });
  }
  if (undelivered > 0) {
    const found = [`${formatCount(undelivered, 'event')} never reached the function`];
    problems.push({ kind: 'undelivered', severity: 'broken', found });
  }
  if (waiting > 0) {
    const found = [`${formatCount(waiting, 'failed run')} will be tried again within 15 minutes`];
    problems.push({ kind: 'retries-waiting', severity: 'warning', found });
  }
  return problems;
}

/** Judges the alarms: those that page are broken, the others warn. */
export function judgeAlarms(alarms: readonly DeployedAlarm[]): HealthProblem[] {
  const firing = alarms.filter((alarm) => alarm.firing);
  const pages = firing.filter(({ severity }) => severity === 'page').map(({ name }) => name);
  const warnings = firing.filter(({ severity }) => severity === 'warning').map(({ name }) => name);
  return [
    ...(pages.length > 0 ? [alarmProblem('broken', `firing: ${pages.join(', ')}`)] : []),
    ...warnings.map((name) => alarmProblem('warning', `warning: ${name}`)),
  ];
}

function alarmProblem(severity: HealthProblem['severity'], text: string): HealthProblem {
  return { kind: 'alarm', severity, found: [text] };
}

/** Judges the last look of the watch. `doctor` looks afresh instead, so it may know better. */
export function judgeWatch({
  silent,
  findings = [],
}: {
  readonly silent: boolean;
  readonly findings?: readonly WatchedFinding[];
}): HealthProblem[] {
  const confirmed = findings.filter((finding) => finding.confirmed);
  const [first] = confirmed;
  return [
    ...(silent
      ? [{ kind: 'watch-silent', severity: 'broken', found: ['the watch of the pulls is silent'] } as const]
      : []),
    ...(first
      ? [
          {
            kind: 'pulls-failing',
            severity: 'broken',
            found: [
              `${formatCount(confirmed.length, 'problem')} with pulls, such as ${first.workload}: ${first.detail}`,
            ],
          } as const,
        ]
      : []),
  ];
}

/** One of two regions that refresh the same targets. */
export interface RegionHealth {
  readonly side: Side;
  readonly region: string;
  /** What is wrong there, judged as if there were no other region. @default - the region could not be read */
  readonly problems?: readonly HealthProblem[];
  /** Why the region could not be read. */
  readonly unreadable?: string;
}

/** Problems that keep a region from refreshing every target. */
const NOT_REFRESHING: readonly HealthKind[] = [
  'schedule-disabled',
  'not-refreshed',
  'credential-expired',
  'run-missed',
  'run-failed',
];

/**
 * Judges two regions that refresh the same targets. While one of them works, the problems of the other are warnings,
 * except those that page (docs/decisions/0017). When neither works, both are broken.
 */
export function judgeRegions(regions: readonly RegionHealth[]): HealthProblem[] {
  // The problems of a region that can be read say more about the cause than "could not be read".
  const readableFirst = [...regions].sort((a, b) => Number(!a.problems) - Number(!b.problems));
  return readableFirst.flatMap((one) => {
    const isCovered = regions.some((other) => other !== one && keepsFresh(other));
    return problemsOf(one).map((problem) => ({
      ...problem,
      region: one.region,
      ...(isCovered && !pagesBeside(problem, one.side) && { severity: 'warning' as const }),
    }));
  });
}

function problemsOf({ region, problems, unreadable }: RegionHealth): readonly HealthProblem[] {
  if (problems) return problems;
  const found = [`${region} could not be read: ${unreadable}`];
  return [{ kind: 'region-unreadable', severity: 'broken', found }];
}

/** Whether a region has refreshed every target in time, and will do so again. */
function keepsFresh({ problems }: RegionHealth): boolean {
  return (
    problems?.every(({ kind, severity }) => severity === 'warning' || !NOT_REFRESHING.includes(kind)) ?? false
  );
}

/** Whether a problem stays broken although the other region works. An alarm has the severity of its side. */
export function pagesBeside({ kind, severity, needsPerson }: HealthProblem, side: Side | undefined): boolean {
  if (severity !== 'broken') return false;
  if (kind === 'alarm' || kind === 'pulls-failing') return true;
  // OperatorActionNeeded pages in the first region only.
  return kind === 'run-failed' && needsPerson === true && side !== 'standby';
}

/** Whether nothing is broken. */
export function isHealthy(problems: readonly HealthProblem[]): boolean {
  return problems.every(({ severity }) => severity === 'warning');
}
