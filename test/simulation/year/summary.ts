import { type DeadTime, LEAST_LIFE_AT_PAGE_MS, type Page, type Violation } from './claims';
import type { Episode } from './episodes';
import type { YearReport } from './year';

const MINUTE_MS = 60_000;

/** Many years in figures; times in minutes. */
export interface Summary {
  readonly years: number;
  /** Of the first year; each further year has the next one. */
  readonly seed: number;
  /** How long refreshing may be impossible before a credential dies, by the template. */
  readonly marginMinutes: number;
  /** Times in which refreshing was impossible. */
  readonly outages: number;
  readonly outagesLongerThanMargin: number;
  /** Summed over the registry auths. */
  readonly deadMinutes: number;
  /** Those that no outage longer than the margin explains. */
  readonly deadMinutesWithoutExcuse: number;
  readonly pages: number;
  readonly pagesByAlarm: Readonly<Record<string, number>>;
  readonly falsePages: number;
  readonly pagesForLostFigures: number;
  /** Pages for a long outage that rang after it had been mended. */
  readonly pagesAfterTheMend: number;
  /** Life left at the first page of each outage that was longer than the margin. */
  readonly lifeLeftAtFirstPage: { readonly least: number; readonly median: number };
  readonly writes: number;
  readonly invocations: number;
  readonly violations: readonly (Violation & { readonly seed: number })[];
}

/** Adds up the years. @param years - at least one */
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
    outages: sum(({ episodes }) => episodes.length),
    outagesLongerThanMargin: sum((year) => longOutages(year).length),
    deadMinutes: minutes(sum(({ dead }) => lengthMs(dead))),
    deadMinutesWithoutExcuse: minutes(sum(deadMsWithoutExcuse)),
    pages: pages.length,
    pagesByAlarm: countByAlarm(pages),
    falsePages: violations.filter(({ claim }) => claim === 'no false page').length,
    pagesForLostFigures: sum((year) => year.pagesForLostFigures),
    pagesAfterTheMend: sum((year) => year.pagesAfterTheMend),
    lifeLeftAtFirstPage: spread(years.flatMap(lifeLeftAtFirstPages)),
    writes: sum(({ writes }) => writes),
    invocations: sum(({ invocations }) => invocations),
    violations,
  };
}

/** The figures as a table, the claims, and every violation with what repeats it. */
export function describeSummary(summary: Summary): string {
  const { least, median } = summary.lifeLeftAtFirstPage;
  const alarms = Object.entries(summary.pagesByAlarm).map(([alarm, count]) => `${alarm} ${count}`);
  const rows: readonly (readonly [string, string | number])[] = [
    ['outages', summary.outages],
    [`longer than the margin of ${summary.marginMinutes} min`, summary.outagesLongerThanMargin],
    ['minutes with a dead credential', summary.deadMinutes],
    ['of those, without such an outage', summary.deadMinutesWithoutExcuse],
    ['pages', `${summary.pages}  (${alarms.join(', ')})`],
    ['false pages', summary.falsePages],
    ['pages because figures were lost', summary.pagesForLostFigures],
    ['pages after the mend of a long outage', summary.pagesAfterTheMend],
    ['life left at the first page of a long outage', `${least} min at least, ${median} min in the median`],
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
    'no dead credential': `no dead credential unless an outage lasted longer than ${marginMinutes} min`,
    'paged in time': `every outage longer than that was paged with ${LEAST_LIFE_AT_PAGE_MS / MINUTE_MS} min of life left`,
    'no false page': 'no page for what mended itself within 30 min',
  };
  return (Object.keys(texts) as Violation['claim'][]).flatMap((claim) => {
    const broken = violations.filter((one) => one.claim === claim);
    const verdict = broken.length === 0 ? 'holds ' : 'BROKEN';
    return [`  ${verdict}  ${texts[claim]}`, ...broken.slice(0, 5).flatMap(describeViolation)];
  });
}

function describeViolation({ seed, atMs, what, episode }: Summary['violations'][number]): string[] {
  const told = episode ? [`            the last outage before it: ${describeEpisode(episode)}`] : [];
  return [
    `          ${iso(atMs)}  ${what}`,
    ...told,
    `            again: npm run simulate -- --years 1 --seed ${seed}`,
  ];
}

function describeEpisode({ fromMs, toMs, feltMs, causes }: Episode): string {
  return `${iso(fromMs)} to ${iso(toMs)}, felt for ${minutes(feltMs)} min: ${causes.join(', ')}`;
}

function longOutages({ episodes, margin }: YearReport): Episode[] {
  return episodes.filter(({ feltMs }) => feltMs > margin.marginMs);
}

function lengthMs(dead: readonly DeadTime[]): number {
  return dead.reduce((total, { fromMs, toMs }) => total + toMs - fromMs, 0);
}

function deadMsWithoutExcuse({ dead, violations }: YearReport): number {
  const starts = new Set(
    violations.flatMap(({ claim, atMs }) => (claim === 'no dead credential' ? [atMs] : [])),
  );
  return lengthMs(dead.filter(({ fromMs }) => starts.has(fromMs)));
}

function lifeLeftAtFirstPages(year: YearReport): number[] {
  return longOutages(year).flatMap(({ fromMs, toMs }) => {
    const first = year.pages.find(({ atMs }) => fromMs <= atMs && atMs <= toMs);
    return first ? [minutes(first.lifeLeftMs)] : [];
  });
}

function countByAlarm(pages: readonly Page[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { alarm } of pages) {
    // A logical id: the construct's path, the alarm's name, and a hash.
    const name = alarm.replace(/^Alarms/, '').replace(/[0-9A-F]{8}$/, '');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** 0 and 0 of nothing. */
function spread(figures: readonly number[]): { least: number; median: number } {
  const sorted = [...figures].sort((a, b) => a - b);
  return { least: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}

function minutes(ms: number): number {
  return Math.round(ms / MINUTE_MS);
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}
