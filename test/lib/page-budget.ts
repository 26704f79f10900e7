/**
 * Computes the time from the last success to the page from a synthesised template alone.
 *
 * Where AWS guarantees nothing, the worst case is assumed: windows are aligned to the clock and evaluated only when
 * they are complete, CloudWatch looks back two periods further than the alarm says, and every metric arrives late.
 */

import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { type AlarmFacts, type TemplateFacts, templateFacts } from './template-facts';

/** Minutes from sending a metric to the notification: ingestion, evaluation, delivery. */
const DELAY = 3;
/** CloudWatch documents that it looks further back than the evaluation periods. Its example has two more. */
const EXTRA_PERIODS = 2;
/** Minutes before each of Lambda's retries of an asynchronous event (Developer Guide, "Error handling"). */
const ASYNCHRONOUS_PAUSES = [1, 2];
/** Minutes until SQS sends the first metric of a queue that was idle (Developer Guide, "Available CloudWatch metrics"). */
const IDLE_QUEUE_DELAY = 15;
/** Minutes that a long poll of SQS takes. */
const POLL = 20 / 60;
/** Minutes that are simulated. */
const HORIZON = 26 * 60;

/** One value of a metric that the service sends. */
interface DataPoint {
  readonly metric: string;
  readonly atMin: number;
  readonly value: number;
}

/** One way in which the refresh of credentials stops. */
interface FailureKind {
  readonly name: string;
  /** The alarms of which each by itself must page in time. */
  readonly alarms: readonly string[];
  /** Returns what the service sends during the failure, when a run takes `runMin` minutes. */
  readonly points: (facts: TemplateFacts, runMin: number) => readonly DataPoint[];
}

const transient = (value: number) => [{ metric: 'TargetsFailed', value }];
const lasting = (value: number) => [...transient(value), { metric: 'OperatorActionNeeded', value }];

const FAILURE_KINDS: readonly FailureKind[] = [
  {
    name: 'every target fails, every time',
    alarms: ['RefreshFailing', 'RefreshSilent'],
    points: (facts, runMin) => failedAttempts(facts, runMin, transient(10)),
  },
  {
    name: 'one target of many fails',
    alarms: ['RefreshFailing', 'RefreshSilent'],
    points: (facts, runMin) => failedAttempts(facts, runMin, transient(1)),
  },
  {
    name: 'only a person can fix it',
    alarms: ['OperatorActionNeeded', 'RefreshFailing', 'RefreshSilent'],
    points: (facts, runMin) => failedAttempts(facts, runMin, lasting(1)),
  },
  { name: 'every run times out', alarms: ['RefreshSilent'], points: () => [] },
  { name: 'nothing runs at all', alarms: ['RefreshSilent'], points: () => [] },
  {
    name: 'the rule cannot invoke',
    alarms: ['ScheduleBroken', 'RefreshSilent'],
    points: ({ intervalMin, deliveryMin }) => [
      {
        metric: 'ApproximateNumberOfMessagesVisible',
        atMin: intervalMin + deliveryMin + IDLE_QUEUE_DELAY,
        value: 1,
      },
    ],
  },
];

/** The time to the page for one kind of failure and one alarm. */
export interface PageBudget {
  readonly kind: string;
  readonly alarm: string;
  /** Minutes from the last success to the page; infinite when there is no page. */
  readonly pageMin: number;
  /** Minutes of lifetime that the credential has left at that moment. */
  readonly leftMin: number;
}

/** Returns the budget of every kind of failure and alarm in the worst case. */
export function pageBudgets(template: object): PageBudget[] {
  const facts = templateFacts(template);
  return FAILURE_KINDS.flatMap(({ name, alarms, points }) =>
    alarms.map((alarm) => {
      // A run that fails at once, and one that runs into its timeout.
      const times = [0, facts.timeoutMin].map((runMin) =>
        latestAlarm(pageAlarm(facts, alarm), [...healthyPast(facts), ...points(facts, runMin)]),
      );
      const pageMin = Math.ceil(Math.max(...times) + DELAY);
      return { kind: name, alarm, pageMin, leftMin: ECR_TOKEN_LIFE_HOURS * 60 - pageMin };
    }),
  );
}

/**
 * Returns the minutes from a failure that only the watch sees to its page: the failure begins right after a look, and
 * the two looks after it find it.
 *
 * @param lookMin - minutes from one look to the next
 */
export function pageOfWatch(
  template: object,
  alarm: 'PullsFailing' | 'ImagesUnpullable',
  lookMin: number,
): number {
  const facts = templateFacts(template);
  const looks = [0, 0, 1, 1].map((value, look) => ({ metric: alarm, atMin: look * lookMin, value }));
  return Math.ceil(latestAlarm(pageAlarm(facts, alarm), looks) + DELAY);
}

/** Returns the alarms that page although every scheduled run succeeds, quickly or slowly. */
export function pagesWhileHealthy(template: object): string[] {
  const facts = templateFacts(template);
  const runs = Array.from({ length: HORIZON / facts.intervalMin }, (_, run) =>
    success(run * facts.intervalMin),
  );
  const slow = runs.map((points, run) => (run % 2 === 0 ? points : later(points, facts.timeoutMin)));
  return pagesOf(facts, [...healthyPast(facts), ...slow.flat()]);
}

/** Returns the alarms that page in an outage that begins with a scheduled run and ends after `outageMin` minutes. */
export function pagesOfOutage(template: object, outageMin: number): string[] {
  const facts = templateFacts(template);
  const attempts = failedAttempts(facts, 0, transient(10));
  const failed = attempts.filter(({ atMin }) => atMin <= facts.intervalMin + outageMin);
  const recoveredMin = attempts.find(({ atMin }) => atMin > facts.intervalMin + outageMin)?.atMin ?? HORIZON;
  const ahead = Array.from({ length: 3 }, (_, run) => success((run + 2) * facts.intervalMin));
  return pagesOf(facts, [...healthyPast(facts), ...failed, ...success(recoveredMin), ...ahead.flat()]);
}

/** Returns the alarms that page within five minutes after a run that wrote credentials with this much life left. */
export function pagesOfCredential(template: object, lifeMin: number): string[] {
  const facts = templateFacts(template);
  const points = [...healthyPast(facts), ...success(facts.intervalMin, lifeMin)];
  return pagesOf(facts, points, facts.intervalMin + 5);
}

/**
 * Returns the alarms that page after the alarms were created in a new stack, each with the minute of its page.
 *
 * @param successMin - the minute at which CloudWatch sees the first success; undefined when no run succeeds
 */
export function pagesOfNewStack(template: object, successMin?: number): Map<string, number> {
  const facts = templateFacts(template);
  const points = successMin === undefined ? [] : success(successMin);
  const untilMin = successMin ?? HORIZON;
  return new Map(
    facts.alarms.flatMap((alarm) => {
      const pageMin = alarm.pages ? earliestAlarm(alarm, points, untilMin, alarm.warmUpMin) : undefined;
      return pageMin === undefined ? [] : [[alarm.name, pageMin]];
    }),
  );
}

function pagesOf(
  facts: TemplateFacts,
  points: readonly DataPoint[],
  untilMin = Math.max(...points.map(({ atMin }) => atMin)),
): string[] {
  return facts.alarms
    .filter((alarm) => alarm.pages && earliestAlarm(alarm, points, untilMin) !== undefined)
    .map(({ name }) => name);
}

/** Returns an alarm that pages; undefined when there is none of that name, or when it notifies nobody. */
function pageAlarm({ alarms }: TemplateFacts, name: string): AlarmFacts | undefined {
  return alarms.find((alarm) => alarm.name === name && alarm.pages);
}

/** @param lifeMin - life that the written credentials have left */
function success(atMin: number, lifeMin = ECR_TOKEN_LIFE_HOURS * 60): DataPoint[] {
  return [
    { metric: 'CredentialMinutesLeft', atMin, value: lifeMin },
    { metric: 'RunSucceeded', atMin, value: 1 },
    { metric: 'RegionSucceeded', atMin, value: 1 },
    { metric: 'TargetsFailed', atMin, value: 0 },
    { metric: 'OperatorActionNeeded', atMin, value: 0 },
  ];
}

function later(points: readonly DataPoint[], minutes: number): DataPoint[] {
  return points.map((point) => ({ ...point, atMin: point.atMin + minutes }));
}

/** Returns successful runs until minute 0. The last one issued its credential at its start and reported at its end. */
function healthyPast({ intervalMin, timeoutMin }: TemplateFacts): DataPoint[] {
  return [0, 1, 2, 3].flatMap((back) => success(timeoutMin - back * intervalMin));
}

/** Returns what all attempts send from the first failed scheduled run on: Lambda's attempts, then the queue's. */
function failedAttempts(
  facts: TemplateFacts,
  runMin: number,
  points: readonly Omit<DataPoint, 'atMin'>[],
): DataPoint[] {
  const ends: number[] = [];
  for (let startMin = facts.intervalMin; startMin < HORIZON; startMin += facts.intervalMin) {
    ends.push(...attemptsOfOneRun(facts, startMin, runMin));
  }
  return ends
    .sort((a, b) => a - b)
    .flatMap((atMin) =>
      [{ metric: 'RunSucceeded', value: 0 }, ...points].map((point) => ({ ...point, atMin })),
    );
}

/** Returns the minutes at which the attempts of one run end. */
function attemptsOfOneRun(facts: TemplateFacts, startMin: number, runMin: number): number[] {
  const ends: number[] = [startMin + runMin];
  for (const pause of ASYNCHRONOUS_PAUSES.slice(0, facts.asynchronousRetries)) {
    ends.push((ends.at(-1) ?? 0) + pause + runMin);
  }
  const queuedAt = ends.at(-1) ?? 0;
  for (let receive = 0; receive < facts.maxReceives; receive++) {
    ends.push(queuedAt + facts.queueDelayMin + POLL + receive * (facts.retryIntervalMin + POLL) + runMin);
  }
  return ends;
}

/** Returns the latest minute at which the alarm goes off, over all alignments of its windows. */
function latestAlarm(alarm: AlarmFacts | undefined, points: readonly DataPoint[]): number {
  if (!alarm) return Number.POSITIVE_INFINITY;
  const own = points.filter(({ metric }) => metric === alarm.metric);
  let latest = 0;
  for (let phase = 0; phase < alarm.periodMin; phase++) {
    let endMin = phase;
    while (endMin < HORIZON && !goesOff(alarm, own, endMin)) endMin += alarm.periodMin;
    latest = Math.max(latest, endMin);
  }
  return latest < HORIZON ? latest : Number.POSITIVE_INFINITY;
}

/** Returns the earliest minute at which the alarm goes off: a window counts as soon as it has begun. */
function earliestAlarm(
  alarm: AlarmFacts,
  points: readonly DataPoint[],
  untilMin: number,
  fromMin = 0,
): number | undefined {
  const own = points.filter(({ metric }) => metric === alarm.metric);
  let known = -1;
  for (let nowMin = fromMin; nowMin <= untilMin; nowMin++) {
    const soFar = own.filter(({ atMin }) => atMin <= nowMin);
    // Without new data, the minute before has looked at all windows but the last.
    const first = soFar.length === known ? alarm.periodMin - 1 : 0;
    known = soFar.length;
    for (let ahead = first; ahead < alarm.periodMin; ahead++) {
      if (goesOff(alarm, soFar, nowMin + ahead)) return nowMin;
    }
  }
  return undefined;
}

/**
 * Returns whether an alarm is in the state ALARM when its last window ends at `endMin`.
 *
 * The newest periods with data decide. Missing data is filled in only when there are fewer of them than evaluation
 * periods (CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data").
 */
function goesOff(alarm: AlarmFacts, points: readonly DataPoint[], endMin: number): boolean {
  const windows = Array.from({ length: alarm.periods + EXTRA_PERIODS }, (): number[] => []);
  for (const { atMin, value } of points) {
    if (atMin <= endMin) windows[Math.floor((endMin - atMin) / alarm.periodMin)]?.push(value);
  }
  const newest = windows.filter((window) => window.length > 0).slice(0, alarm.periods);
  const breaching = newest.filter((window) => alarm.isBreaching(window)).length;
  const filled = alarm.missing === 'breaching' ? alarm.periods - newest.length : 0;
  return breaching + filled >= alarm.periodsToAlarm;
}
