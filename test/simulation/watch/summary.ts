import { WATCH_CLAIMS, type WatchViolation } from './claims';
import type { WatchYearReport } from './year';

const MINUTE_MS = 60_000;

/** How many times there are, with the middle and the longest one, in minutes to one decimal. */
interface Spread {
  readonly count: number;
  readonly median: number;
  readonly most: number;
}

/** The figures of many years of the watch. */
export interface WatchSummary {
  readonly years: number;
  /** Seed of the first year. Each following year has the next seed. */
  readonly seed: number;
  readonly troubles: number;
  readonly looks: number;
  /** The others had a result that was known. */
  readonly looksThatRan: number;
  /** Times at which a second look could see a problem, so that the alarm had to be on. */
  readonly due: number;
  readonly pages: number;
  readonly pagesByAlarm: Readonly<Record<string, number>>;
  /** From the first look that could see a problem to the page, when no look between was lost or could not look. */
  readonly toPage: Spread;
  readonly toPageHeldUp: Spread;
  /** From the look that saw nothing any more to the notification. */
  readonly toAllClear: Spread;
  /** Times at which `WatchSilent` went off. */
  readonly silences: number;
  readonly violations: readonly (WatchViolation & { readonly seed: number })[];
}

/** Adds up the years of the watch. */
export function summariseWatch(years: readonly [WatchYearReport, ...WatchYearReport[]]): WatchSummary {
  const sum = (figure: (year: WatchYearReport) => number) =>
    years.reduce((total, year) => total + figure(year), 0);
  const pagesByAlarm: Record<string, number> = {};
  for (const [alarm, count] of years.flatMap(({ pages }) => Object.entries(pages))) {
    pagesByAlarm[alarm] = (pagesByAlarm[alarm] ?? 0) + count;
  }
  return {
    years: years.length,
    seed: years[0].seed,
    troubles: sum(({ plan }) => plan.troubles.length),
    looks: sum(({ looks }) => looks),
    looksThatRan: sum(({ looks, skippedLooks }) => looks - skippedLooks),
    due: sum(({ due }) => due),
    pages: Object.values(pagesByAlarm).reduce((total, count) => total + count, 0),
    pagesByAlarm,
    toPage: spread(years.flatMap(({ pageDelaysMs }) => pageDelaysMs)),
    toPageHeldUp: spread(years.flatMap(({ heldUpDelaysMs }) => heldUpDelaysMs)),
    toAllClear: spread(years.flatMap(({ clearDelaysMs }) => clearDelaysMs)),
    silences: sum(({ silences }) => silences),
    violations: years.flatMap(({ seed, violations }) => violations.map((one) => ({ ...one, seed }))),
  };
}

/** Returns the summary as text: figures, claims, and violations with the command that repeats them. */
export function describeWatch(summary: WatchSummary): string {
  const { pages, toPage, toPageHeldUp, toAllClear } = summary;
  const alarms = Object.entries(summary.pagesByAlarm).map(([alarm, count]) => `${alarm} ${count}`);
  const rows: readonly (readonly [string, string | number])[] = [
    ['troubles', summary.troubles],
    ['looks', summary.looks],
    ['of those, run in full', summary.looksThatRan],
    ['times that a second look could see a problem', summary.due],
    ['pages', `${pages}  (${alarms.join(', ')})`],
    ['from the first such look to the page', describeSpread(toPage)],
    ['the same, with lost looks between', describeSpread(toPageHeldUp)],
    ['from the look that saw it fixed to the OK', describeSpread(toAllClear)],
    ['WatchSilent', summary.silences],
  ];
  const table = rows.map(([what, figure]) => `  ${what.padEnd(46)}${figure}`);
  return [
    `the watch of pulls: ${summary.years} years from seed ${summary.seed}`,
    '',
    ...table,
    '',
    ...claims(summary),
  ].join('\n');
}

function claims({ violations }: WatchSummary): string[] {
  return (Object.keys(WATCH_CLAIMS) as WatchViolation['claim'][]).flatMap((claim) => {
    const broken = violations.filter((one) => one.claim === claim);
    const verdict = broken.length === 0 ? 'holds ' : 'BROKEN';
    const examples = broken
      .slice(0, 5)
      .flatMap(({ seed, atMs, what }) => [
        `          ${new Date(atMs).toISOString().slice(0, 16)}  ${what}`,
        `            repeat it: npm run simulate -- --years 1 --seed ${seed}`,
      ]);
    return [`  ${verdict}  ${WATCH_CLAIMS[claim]}`, ...examples];
  });
}

function describeSpread({ count, median, most }: Spread): string {
  return count === 0 ? 'never' : `at most ${most} min, median ${median} min`;
}

function spread(timesMs: readonly number[]): Spread {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const minutes = (ms = 0) => Math.round(ms / (MINUTE_MS / 10)) / 10;
  return {
    count: sorted.length,
    median: minutes(sorted[Math.floor(sorted.length / 2)]),
    most: minutes(sorted.at(-1)),
  };
}
