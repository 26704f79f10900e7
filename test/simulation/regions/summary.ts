import { LEAST_LIFE_AT_PAGE_MS } from '../year/claims';
import { countByAlarm, lengthMs, spread } from '../year/summary';
import { CLAIMS, type Claim, type ShortOfLife, type Violation } from './claims';
import { SIDES } from './plan';
import type { Course, TwoRegionYearReport } from './year';

const MINUTE_MS = 60_000;

/** What one refresher did in some years, or two together. */
export interface CourseFigures {
  /** Minutes with a dead credential at Runpod, summed over the registry auths. */
  readonly expiredMinutes: number;
  /** Minutes with a dead credential in which ECR, Runpod and its key worked. */
  readonly avoidableMinutes: number;
  /** Minutes with a dead credential in which a refresher could have refreshed, but no run had started yet. */
  readonly waitingMinutes: number;
  readonly pages: Readonly<Record<string, number>>;
  readonly warnings: Readonly<Record<string, number>>;
  readonly runs: number;
}

/** The figures of one year of two regions, small enough for another process to print. */
export interface TwoRegionFigures {
  readonly seed: number;
  readonly marginMinutes: number;
  /** Outages of a whole region. */
  readonly regionOutages: number;
  /** Times in which a side was unable to refresh for longer than the margin. */
  readonly longOutages: number;
  readonly alone: CourseFigures;
  readonly together: CourseFigures;
  readonly shortOfLife: readonly ShortOfLife[];
  readonly lostMetrics: { readonly pages: number; readonly warnings: number };
  readonly violations: readonly Violation[];
}

/** The figures of many years of two regions. Times are in minutes. */
export interface TwoRegionSummary
  extends Pick<TwoRegionFigures, 'seed' | 'marginMinutes' | 'regionOutages' | 'longOutages' | 'lostMetrics'> {
  readonly years: number;
  readonly alone: CourseFigures;
  readonly together: CourseFigures;
  /** Times with less than 240 minutes of life left. */
  readonly shortOfLife: number;
  /** Life left at the first page of those in which a CloudWatch worked in time. */
  readonly lifeLeftAtPage: { readonly least: number; readonly median: number };
  /** The others, in which CloudWatch was down in both regions: paged later, and not at all. */
  readonly withoutCloudWatch: { readonly pagedLater: number; readonly neverPaged: number };
  readonly violations: readonly (Violation & { readonly seed: number })[];
}

/** Reduces the report of a year to its figures. */
export function figuresOf(report: TwoRegionYearReport): TwoRegionFigures {
  const { seed, margin, incidents, outages, alone, together, shortOfLife, lostMetrics, violations } = report;
  return {
    seed,
    marginMinutes: minutes(margin.marginMs),
    regionOutages: incidents.filter(({ kind }) => kind === 'region').length,
    longOutages: sum(
      SIDES.map((side) => outages[side].filter((one) => one.sinceDueRunMs > margin.marginMs).length),
    ),
    alone: courseFigures(alone),
    together: courseFigures(together),
    shortOfLife,
    lostMetrics,
    violations,
  };
}

/** Adds up the years, in the order of their seeds. */
export function summariseTwoRegions(
  years: readonly [TwoRegionFigures, ...TwoRegionFigures[]],
): TwoRegionSummary {
  const [{ seed, marginMinutes }] = years;
  const short = years.flatMap(({ shortOfLife }) => shortOfLife);
  const others = short.filter(({ pageWasDue }) => !pageWasDue);
  const later = others.filter(({ lifeLeftAtPageMs }) => lifeLeftAtPageMs !== undefined);
  return {
    years: years.length,
    seed,
    marginMinutes,
    regionOutages: sum(years.map(({ regionOutages }) => regionOutages)),
    longOutages: sum(years.map(({ longOutages }) => longOutages)),
    alone: addUp(years.map(({ alone }) => alone)),
    together: addUp(years.map(({ together }) => together)),
    shortOfLife: short.length,
    lifeLeftAtPage: spread(
      short
        .filter(({ pageWasDue }) => pageWasDue)
        .map(({ lifeLeftAtPageMs = Number.NEGATIVE_INFINITY }) => minutes(lifeLeftAtPageMs)),
    ),
    withoutCloudWatch: { pagedLater: later.length, neverPaged: others.length - later.length },
    lostMetrics: {
      pages: sum(years.map(({ lostMetrics }) => lostMetrics.pages)),
      warnings: sum(years.map(({ lostMetrics }) => lostMetrics.warnings)),
    },
    violations: years.flatMap((year) => year.violations.map((one) => ({ ...one, seed: year.seed }))),
  };
}

/** Returns the summary as text: figures, claims, and violations with the command that repeats them. */
export function describeTwoRegions(summary: TwoRegionSummary): string {
  const { alone, together, lifeLeftAtPage, withoutCloudWatch, lostMetrics } = summary;
  const rows: readonly (readonly [string, string | number])[] = [
    ['outages of a whole region', summary.regionOutages],
    [`of one side, longer than the margin of ${summary.marginMinutes} min`, summary.longOutages],
    ['minutes with a dead credential, without a standby', alone.expiredMinutes],
    ['of those, while ECR and Runpod worked', alone.avoidableMinutes],
    ['minutes with a dead credential, with a standby', together.expiredMinutes],
    ['of those, while ECR and Runpod worked', together.avoidableMinutes],
    ['of those, while a side waited for its next run', together.waitingMinutes],
    ['pages, without a standby', `${total(alone.pages)}  (${list(alone.pages)})`],
    ['pages, with a standby', `${total(together.pages)}  (${list(together.pages)})`],
    ['of those, because CloudWatch lost metrics', lostMetrics.pages],
    ['warnings, with a standby', `${total(together.warnings)}  (${list(together.warnings)})`],
    [`times with less than ${minutes(LEAST_LIFE_AT_PAGE_MS)} min of life left`, summary.shortOfLife],
    [
      'life left at the first page of such a time',
      `at least ${lifeLeftAtPage.least} min, median ${lifeLeftAtPage.median} min`,
    ],
    [
      'the same without CloudWatch in both regions',
      `${withoutCloudWatch.pagedLater} paged later, ${withoutCloudWatch.neverPaged} not paged`,
    ],
    ['runs, with a standby', together.runs],
  ];
  const table = rows.map(([what, figure]) => `  ${what.padEnd(52)}${figure}`);
  const heading = `two regions: ${summary.years} years from seed ${summary.seed}`;
  return [heading, '', ...table, '', ...verdicts(summary)].join('\n');
}

function verdicts({ violations }: TwoRegionSummary): string[] {
  return (Object.keys(CLAIMS) as Claim[]).flatMap((claim) => {
    const broken = violations.filter((one) => one.claim === claim);
    const verdict = broken.length === 0 ? 'holds ' : 'BROKEN';
    return [`  ${verdict}  ${CLAIMS[claim]}`, ...broken.slice(0, 5).flatMap(describeViolation)];
  });
}

function describeViolation({ seed, side, atMs, what }: TwoRegionSummary['violations'][number]): string[] {
  return [
    `          ${new Date(atMs).toISOString().slice(0, 16)}  ${side}: ${what}`,
    `            repeat it: npm run simulate -- --years 1 --seed ${seed}`,
  ];
}

function courseFigures({
  expired,
  avoidableMinutes,
  waitingMinutes,
  pages,
  warnings,
  runs,
}: Course): CourseFigures {
  return {
    expiredMinutes: minutes(lengthMs(expired)),
    avoidableMinutes,
    waitingMinutes,
    pages: countByAlarm(pages),
    warnings: countByAlarm(warnings),
    runs: runs.length,
  };
}

function addUp(courses: readonly CourseFigures[]): CourseFigures {
  return {
    expiredMinutes: sum(courses.map(({ expiredMinutes }) => expiredMinutes)),
    avoidableMinutes: sum(courses.map(({ avoidableMinutes }) => avoidableMinutes)),
    waitingMinutes: sum(courses.map(({ waitingMinutes }) => waitingMinutes)),
    pages: addCounts(courses.map(({ pages }) => pages)),
    warnings: addCounts(courses.map(({ warnings }) => warnings)),
    runs: sum(courses.map(({ runs }) => runs)),
  };
}

function addCounts(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const added: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((one) => Object.entries(one))) {
    added[name] = (added[name] ?? 0) + count;
  }
  return added;
}

function total(counts: Readonly<Record<string, number>>): number {
  return sum(Object.values(counts));
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function sum(figures: readonly number[]): number {
  return figures.reduce((added, figure) => added + figure, 0);
}

function minutes(ms: number): number {
  return Math.round(ms / MINUTE_MS);
}
