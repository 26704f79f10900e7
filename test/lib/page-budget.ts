/**
 * How long from the last success to the page, by arithmetic on a synthesised template and on nothing else.
 *
 * Whatever AWS does not promise is taken at its worst: windows are aligned to the clock and are seen only when they
 * are complete, CloudWatch looks two periods further back than the alarm says, and every figure arrives late.
 */

import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { type AlarmFacts, type TemplateFacts, templateFacts } from './template-facts';

/** From sending a metric to the notification, in minutes: ingestion, evaluation, delivery. */
const DELAY = 3;
/** CloudWatch publishes that it looks further back than the evaluation periods, and an example with two periods. */
const EXTRA_PERIODS = 2;
/** Lambda waits so long before its tries of an asynchronous event (Developer Guide, "Error handling"), in minutes. */
const ASYNCHRONOUS_PAUSES = [1, 2];
/** SQS's long poll, in minutes. */
const POLL = 20 / 60;
const HORIZON = 26 * 60;

/** One figure that the service sends. */
interface Figure {
  readonly metric: string;
  readonly atMin: number;
  readonly value: number;
}

/** One way in which credentials stop being refreshed. */
interface FailureKind {
  readonly name: string;
  /** Every alarm that must page in time, each by itself. */
  readonly alarms: readonly string[];
  /** What the service sends meanwhile, when a run takes so many minutes. */
  readonly figures: (facts: TemplateFacts, runMin: number) => readonly Figure[];
}

const transient = (value: number) => [{ metric: 'TargetsFailed', value }];
const lasting = (value: number) => [...transient(value), { metric: 'OperatorActionNeeded', value }];

const FAILURE_KINDS: readonly FailureKind[] = [
  {
    name: 'every target fails, every time',
    alarms: ['RefreshFailing', 'RefreshSilent'],
    figures: (facts, runMin) => failedTries(facts, runMin, transient(10)),
  },
  {
    name: 'one target of many fails',
    alarms: ['RefreshFailing', 'RefreshSilent'],
    figures: (facts, runMin) => failedTries(facts, runMin, transient(1)),
  },
  {
    name: 'only a person can mend it',
    alarms: ['OperatorActionNeeded', 'RefreshFailing', 'RefreshSilent'],
    figures: (facts, runMin) => failedTries(facts, runMin, lasting(1)),
  },
  { name: 'every run times out', alarms: ['RefreshSilent'], figures: () => [] },
  { name: 'nothing runs at all', alarms: ['RefreshSilent'], figures: () => [] },
  {
    name: 'the rule cannot invoke',
    alarms: ['ScheduleBroken', 'RefreshSilent'],
    figures: ({ intervalMin, deliveryMin }) => [
      { metric: 'FailedInvocations', atMin: intervalMin + deliveryMin, value: 1 },
    ],
  },
];

/** One way to fail, and one alarm that must page for it. */
export interface PageBudget {
  readonly kind: string;
  readonly alarm: string;
  /** From the last success to the page, in minutes; infinite when it never comes. */
  readonly pageMin: number;
  /** Life that the credential has left then, in minutes. */
  readonly leftMin: number;
}

/** The budget of every failure kind and alarm, under the worst circumstances. */
export function pageBudgets(template: object): PageBudget[] {
  const facts = templateFacts(template);
  return FAILURE_KINDS.flatMap(({ name, alarms, figures }) =>
    alarms.map((alarm) => {
      // A run that fails at once, and one that takes all the time it has.
      const rings = [0, facts.timeoutMin].map((runMin) =>
        latestRing(pagerOf(facts, alarm), [...healthyPast(facts), ...figures(facts, runMin)]),
      );
      const pageMin = Math.ceil(Math.max(...rings) + DELAY);
      return { kind: name, alarm, pageMin, leftMin: ECR_TOKEN_LIFE_HOURS * 60 - pageMin };
    }),
  );
}

/** The pages that a service sends although every run of its schedule succeeds, quickly or slowly. */
export function pagesWhileHealthy(template: object): string[] {
  const facts = templateFacts(template);
  const runs = Array.from({ length: HORIZON / facts.intervalMin }, (_, run) =>
    success(run * facts.intervalMin),
  );
  const slow = runs.map((figures, run) => (run % 2 === 0 ? figures : later(figures, facts.timeoutMin)));
  return pagesOf(facts, [...healthyPast(facts), ...slow.flat()]);
}

/** The pages of an outage that begins with a run of the schedule and mends itself after so many minutes. */
export function pagesOfOutage(template: object, outageMin: number): string[] {
  const facts = templateFacts(template);
  const tries = failedTries(facts, 0, transient(10));
  const failed = tries.filter(({ atMin }) => atMin <= facts.intervalMin + outageMin);
  const mended = tries.find(({ atMin }) => atMin > facts.intervalMin + outageMin)?.atMin ?? HORIZON;
  const ahead = Array.from({ length: 3 }, (_, run) => success((run + 2) * facts.intervalMin));
  return pagesOf(facts, [...healthyPast(facts), ...failed, ...success(mended), ...ahead.flat()]);
}

function pagesOf(facts: TemplateFacts, figures: readonly Figure[]): string[] {
  const untilMin = Math.max(...figures.map(({ atMin }) => atMin));
  return facts.alarms
    .filter((alarm) => alarm.pages && earliestRing(alarm, figures, untilMin) !== undefined)
    .map(({ name }) => name);
}

/** Undefined when there is no such alarm, or when nobody hears of it. */
function pagerOf({ alarms }: TemplateFacts, name: string): AlarmFacts | undefined {
  return alarms.find((alarm) => alarm.name === name && alarm.pages);
}

function success(atMin: number): Figure[] {
  return [
    { metric: 'RunSucceeded', atMin, value: 1 },
    { metric: 'TargetsFailed', atMin, value: 0 },
    { metric: 'OperatorActionNeeded', atMin, value: 0 },
  ];
}

function later(figures: readonly Figure[], minutes: number): Figure[] {
  return figures.map((figure) => ({ ...figure, atMin: figure.atMin + minutes }));
}

/** Successes up to the last one, whose credential was issued when it began and whose figures came when it ended. */
function healthyPast({ intervalMin, timeoutMin }: TemplateFacts): Figure[] {
  return [0, 1, 2, 3].flatMap((back) => success(timeoutMin - back * intervalMin));
}

/** The tries of every run of the schedule from the first that fails: the service's own, then the queue's. */
function failedTries(
  facts: TemplateFacts,
  runMin: number,
  figures: readonly Omit<Figure, 'atMin'>[],
): Figure[] {
  const ends: number[] = [];
  for (let startMin = facts.intervalMin; startMin < HORIZON; startMin += facts.intervalMin) {
    ends.push(...triesOfOneRun(facts, startMin, runMin));
  }
  return ends
    .sort((a, b) => a - b)
    .flatMap((atMin) =>
      [{ metric: 'RunSucceeded', value: 0 }, ...figures].map((figure) => ({ ...figure, atMin })),
    );
}

/** When the tries of one run end. */
function triesOfOneRun(facts: TemplateFacts, startMin: number, runMin: number): number[] {
  const ends: number[] = [startMin + runMin];
  for (const pause of ASYNCHRONOUS_PAUSES.slice(0, facts.asynchronousRetries)) {
    ends.push((ends.at(-1) ?? 0) + pause + runMin);
  }
  const queuedAt = ends.at(-1) ?? 0;
  for (let receive = 0; receive < facts.maxReceives; receive++) {
    ends.push(queuedAt + facts.queueDelayMin + POLL + receive * (facts.queuePauseMin + POLL) + runMin);
  }
  return ends;
}

/** When an alarm rings at the latest, over all ways in which its windows can lie. */
function latestRing(alarm: AlarmFacts | undefined, figures: readonly Figure[]): number {
  if (!alarm) return Number.POSITIVE_INFINITY;
  const own = figures.filter(({ metric }) => metric === alarm.metric);
  let latest = 0;
  for (let phase = 0; phase < alarm.periodMin; phase++) {
    let endMin = phase;
    while (endMin < HORIZON && !rings(alarm, own, endMin)) endMin += alarm.periodMin;
    latest = Math.max(latest, endMin);
  }
  return latest < HORIZON ? latest : Number.POSITIVE_INFINITY;
}

/** When an alarm rings at the earliest: a window counts as soon as it has begun. */
function earliestRing(alarm: AlarmFacts, figures: readonly Figure[], untilMin: number): number | undefined {
  const own = figures.filter(({ metric }) => metric === alarm.metric);
  for (let nowMin = 0; nowMin <= untilMin; nowMin++) {
    const soFar = own.filter(({ atMin }) => atMin <= nowMin);
    for (let ahead = 0; ahead < alarm.periodMin; ahead++) {
      if (rings(alarm, soFar, nowMin + ahead)) return nowMin;
    }
  }
  return undefined;
}

/**
 * Whether an alarm rings when its last window ends at a time. Source: CloudWatch User Guide, "Configuring how
 * CloudWatch alarms treat missing data": the newest periods that have data decide, and only what they are short of
 * the evaluation periods is filled in.
 */
function rings(alarm: AlarmFacts, figures: readonly Figure[], endMin: number): boolean {
  const values = new Map<number, number[]>();
  for (const { atMin, value } of figures) {
    const back = Math.floor((endMin - atMin) / alarm.periodMin);
    if (atMin > endMin || back >= alarm.periods + EXTRA_PERIODS) continue;
    values.set(back, [...(values.get(back) ?? []), value]);
  }
  const newest = [...values].sort(([a], [b]) => a - b).slice(0, alarm.periods);
  const breaching = newest.filter(([, window]) => alarm.isBreaching(window)).length;
  const filled = alarm.missing === 'breaching' ? alarm.periods - newest.length : 0;
  return breaching + filled >= alarm.periodsToAlarm;
}
