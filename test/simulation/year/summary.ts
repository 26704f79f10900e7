import {
  alarmName,
  type ExpiredTime,
  LEAST_LIFE_AT_PAGE_MS,
  TOLERATED_OUTAGE_MS,
  type Violation,
} from './claims';
import type { Outage } from './outages';
import type { YearReport } from './year';

const MINUTE_MS = 60_000;

/** The figures of many years. Times are in minutes. */
export interface Summary {
  readonly years: number;
  /** Seed of the first year. Each following year has the next seed. */
  readonly seed: number;
  /** How long refreshing may be impossible before a credential expires, computed from the template. */
  readonly marginMinutes: number;
  /** Number of times in which refreshing was impossible. */
  readonly outages: number;
  readonly outagesLongerThanMargin: number;
  /** Minutes with an expired credential at Runpod, summed over the registry auths. */
  readonly expiredMinutes: number;
  /** The expired minutes that no outage longer than the margin explains. */
  readonly unexplainedExpiredMinutes: number;
  readonly pages: number;
  readonly pagesByAlarm: Readonly<Record<string, number>>;
  readonly falsePages: number;
  readonly pagesForLostMetrics: number;
  /** Pages that came after the outage was over and the credentials were refreshed. */
  readonly pagesAfterFix: number;
  /** Remaining life of a credential at the first page of each outage longer than the margin. */
  readonly lifeLeftAtFirstPage: { readonly least: number; readonly median: number };
  readonly writes: number;
  readonly invocations: number;
  readonly violations: readonly (Violation & { readonly seed: number })[];
}

/** Adds up the years. */
export function summarise(years: readonly [YearReport, ...YearReport[]]): Summary {
  const [{ margin, seed }] = years;
  const pages = years.flatMap((year) => year.pages);
  const violations = years.flatMap((year) => year.violations.map((one) => ({ ...one, seed: year.seed })));
  const sum = (figure: (year: YearReport) => number) =>
    years.reduce((total, year) => total + figure(year), 0);
  return {
    years: years.length,
    seed,
    marginMinutes: minutes(margin.marginMs),
    outages: sum(({ outages }) => outages.length),
    outagesLongerThanMargin: sum((year) => longOutages(year).length),
    expiredMinutes: minutes(sum(({ expired }) => lengthMs(expired))),
    unexplainedExpiredMinutes: minutes(sum(unexplainedExpiredMs)),
    pages: pages.length,
    pagesByAlarm: countByAlarm(pages),
    falsePages: violations.filter(({ claim }) => claim === 'no false page').length,
    pagesForLostMetrics: sum((year) => year.pagesForLostMetrics),
    pagesAfterFix: sum((year) => year.pagesAfterFix),
    lifeLeftAtFirstPage: spread(years.flatMap(lifeLeftAtFirstPages)),
    writes: sum(({ writes }) => writes),
    invocations: sum(({ invocations }) => invocations),
    violations,
  };
}

/** Returns the summary as text: figures, claims, and violations with the command that repeats them. */
export function describeSummary(summary: Summary): string {
  const { least, median } = summary.lifeLeftAtFirstPage;
  const alarms = Object.entries(summary.pagesByAlarm).map(([alarm, count]) => `${alarm} ${count}`);
  const rows: readonly (readonly [string, string | number])[] = [
    ['outages', summary.outages],
    [`longer than the margin of ${summary.marginMinutes} min`, summary.outagesLongerThanMargin],
    ['minutes with an expired credential', summary.expiredMinutes],
    ['of those, without such an outage', summary.unexplainedExpiredMinutes],
    ['pages', `${summary.pages}  (${alarms.join(', ')})`],
    ['false pages', summary.falsePages],
    ['pages because metrics were lost', summary.pagesForLostMetrics],
    ['pages after the fix of a long outage', summary.pagesAfterFix],
    ['life left at the first page of a long outage', `at least ${least} min, median ${median} min`],
    ['writes', summary.writes],
    ['runs', summary.invocations],
  ];
  const table = rows.map(([what, figure]) => `  ${what.padEnd(46)}${figure}`);
  return [`${summary.years} years from seed ${summary.seed}`, '', ...table, '', ...claims(summary)].join(
    '\n',
  );
}

function claims({ violations, marginMinutes }: Summary): string[] {
  const texts: Readonly<Record<Violation['claim'], string>> = {
    'no expired credential': `no expired credential unless an outage lasted longer than ${marginMinutes} min`,
    'paged in time': `every outage longer than that was paged with at least ${LEAST_LIFE_AT_PAGE_MS / MINUTE_MS} min of life left`,
    'no false page': `no page for an outage that ended by itself within ${TOLERATED_OUTAGE_MS / MINUTE_MS} min`,
  };
  return (Object.keys(texts) as Violation['claim'][]).flatMap((claim) => {
    const broken = violations.filter((one) => one.claim === claim);
    const verdict = broken.length === 0 ? 'holds ' : 'BROKEN';
    return [`  ${verdict}  ${texts[claim]}`, ...broken.slice(0, 5).flatMap(describeViolation)];
  });
}

function describeViolation({ seed, atMs, what, outage }: Summary['violations'][number]): string[] {
  const context = outage ? [`            the last outage before it: ${describeOutage(outage)}`] : [];
  return [
    `          ${iso(atMs)}  ${what}`,
    ...context,
    `            repeat it: npm run simulate -- --years 1 --seed ${seed}`,
  ];
}

function describeOutage({ fromMs, toMs, sinceDueRunMs, causes }: Outage): string {
  return `${iso(fromMs)} to ${iso(toMs)}, ${minutes(sinceDueRunMs)} min after the run that was due: ${causes.join(', ')}`;
}

function longOutages({ outages, margin }: YearReport): Outage[] {
  return outages.filter(({ sinceDueRunMs }) => sinceDueRunMs > margin.marginMs);
}

/** Returns the length of all these times, in milliseconds. */
export function lengthMs(expired: readonly ExpiredTime[]): number {
  return expired.reduce((total, { fromMs, toMs }) => total + toMs - fromMs, 0);
}

function unexplainedExpiredMs({ expired, violations }: YearReport): number {
  const starts = new Set(
    violations.flatMap(({ claim, atMs }) => (claim === 'no expired credential' ? [atMs] : [])),
  );
  return lengthMs(expired.filter(({ fromMs }) => starts.has(fromMs)));
}

function lifeLeftAtFirstPages(year: YearReport): number[] {
  return longOutages(year).flatMap(({ fromMs, toMs }) => {
    const first = year.pages.find(({ atMs }) => fromMs <= atMs && atMs <= toMs);
    return first ? [minutes(first.lifeLeftMs)] : [];
  });
}

/** Counts notifications by the name of the alarm. */
export function countByAlarm(notifications: readonly { readonly alarm: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { alarm } of notifications) {
    const name = alarmName(alarm);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Returns the least and the median figure, both 0 when there are no figures. */
export function spread(figures: readonly number[]): { least: number; median: number } {
  const sorted = [...figures].sort((a, b) => a - b);
  return { least: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}

function minutes(ms: number): number {
  return Math.round(ms / MINUTE_MS);
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}
