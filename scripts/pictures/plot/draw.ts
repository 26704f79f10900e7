/** Plots the life that is left of the credentials, with outages, runs and pages. */

import { scaleLinear, scaleUtc } from 'd3-scale';
import { area, line } from 'd3-shape';
import { element, SANS, svgDocument, text } from '../svg';
import { THEMES, type Theme, type ThemeName } from '../theme';
import { lifeLeft, type Scenario, type ShownPage } from './scenario';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The sizes of a plot: for a page, and for a phone. */
export const PLOT_SIZES = [
  { suffix: '', width: 830, chart: 250, left: 62, charactersInLine: 112 },
  { suffix: '-narrow', width: 400, chart: 220, left: 44, charactersInLine: 54 },
] as const;

/** One of these sizes. */
export type PlotSize = (typeof PLOT_SIZES)[number];

const TOP = 64;
const RIGHT = 20;
/** Height of the strip with a stroke for each run, in pixels. */
const STRIP = 22;
const LINE = 19;

/** Draws the plot of a scenario. */
export function drawPlot(scenario: Scenario, size: PlotSize, themeName: ThemeName): string {
  const theme = THEMES[themeName];
  const notes = eventsOf(scenario).flatMap(({ mark, sentence }) =>
    wrapped(sentence, size.charactersInLine).map((part, index) => ({ mark: index === 0 ? mark : '', part })),
  );
  const chart = new Chart(scenario, size, theme);
  const frame = {
    width: size.width,
    height: chart.bottom + 108 + notes.length * LINE,
    title: `${scenario.title}: life left of the credential at Runpod`,
    description: describeScenario(scenario),
    theme,
    font: SANS,
  };
  return svgDocument(frame, [
    text(20, 30, frame.title, { 'font-size': 14, 'font-weight': 600, fill: theme.text }),
    ...chart.legend(),
    ...chart.outages(),
    ...chart.axes(),
    ...chart.life(),
    ...chart.pages(),
    ...chart.runs(),
    ...notes.flatMap(({ mark, part }, index) => {
      const y = chart.bottom + 100 + index * LINE;
      return [
        text(20, y, mark, {
          'font-size': 12,
          'font-weight': 600,
          fill: /[A-Z]/.test(mark) ? theme.amber : theme.red,
        }),
        text(40, y, part, { 'font-size': 12, fill: theme.text }),
      ];
    }),
  ]);
}

/** Says in words what a plot shows. */
function describeScenario(scenario: Scenario): string {
  const failed = scenario.runs.filter(({ ok }) => !ok).length;
  return [
    `The line falls from ${formatHours(scenario.lifeMs)} and jumps back with each refresh.`,
    `${scenario.runs.length} runs, of which ${failed} failed.`,
    ...eventsOf(scenario).map(({ sentence }) => sentence),
  ].join(' ');
}

/** An outage or a page, as a sentence under the plot. */
interface Event {
  readonly atMs: number;
  readonly mark: string;
  readonly sentence: string;
}

/** The outages, the pages, and the times without a valid credential, in the order of time. */
function eventsOf(scenario: Scenario): Event[] {
  const outages = scenario.outages.map(({ fromMs, toMs, causes, down }, index): Event => {
    const cause = causes
      .map((name) => name.replace(/-(?=[a-z](?!\d))/g, ' ').replace(' (', ' fails ('))
      .join(', ');
    return {
      atMs: fromMs,
      mark: letterOf(index),
      sentence: `${formatMoment(scenario, fromMs)}: ${
        down === undefined
          ? `refreshing is impossible for ${formatHours(toMs - fromMs)}: ${cause}`
          : `${down} is down for ${formatHours(toMs - fromMs)}`
      }.`,
    };
  });
  const pages = scenario.pages.map(
    ({ atMs, alarm, lifeLeftMs }): Event => ({
      atMs,
      mark: '▼',
      sentence: `${formatMoment(scenario, atMs)}: ${alarm} pages the person on call, ${leftText(lifeLeftMs)}.`,
    }),
  );
  const expired = expiredSpans(scenario).map(
    ({ fromMs, toMs }): Event => ({
      atMs: fromMs,
      mark: '●',
      sentence: `${formatMoment(scenario, fromMs)}: the credential has expired, and new workers cannot pull for ${formatHours(toMs - fromMs)}.`,
    }),
  );
  return [...outages, ...pages, ...expired].sort((a, b) => a.atMs - b.atMs);
}

function leftText(lifeLeftMs: number): string {
  return lifeLeftMs > 0
    ? `with ${formatHours(lifeLeftMs)} left`
    : `${formatHours(-lifeLeftMs)} after the expiry`;
}

function expiredSpans(scenario: Scenario): { readonly fromMs: number; readonly toMs: number }[] {
  const points = lifeLeft(scenario);
  return points.flatMap(({ atMs: toMs, leftMs }, index) => {
    const before = points[index - 1];
    if (!before || leftMs > 0 || before.leftMs === 0) return [];
    return [{ fromMs: before.atMs + before.leftMs, toMs }];
  });
}

class Chart {
  readonly bottom: number;
  readonly #scenario: Scenario;
  readonly #size: PlotSize;
  readonly #theme: Theme;
  readonly #x;
  readonly #y;

  constructor(scenario: Scenario, size: PlotSize, theme: Theme) {
    this.#scenario = scenario;
    this.#size = size;
    this.#theme = theme;
    this.bottom = TOP + size.chart;
    this.#x = scaleUtc([scenario.fromMs, scenario.toMs], [size.left, size.width - RIGHT]);
    this.#y = scaleLinear([0, scenario.lifeMs], [this.bottom, TOP]);
  }

  /** What the colours mean. On a phone only the sentences below say it. */
  legend(): string[] {
    if (this.#size.suffix !== '') return [];
    const { blue, amber, red, muted } = this.#theme;
    const keys = [
      ['━', blue, `life left, ${formatHours(this.#scenario.lifeMs)} when new`],
      ['■', amber, 'outage'],
      ['▼', red, 'page'],
    ] as const;
    const starts = [264, 118, 44].map((fromRight) => this.#size.width - RIGHT - fromRight);
    return keys.flatMap(([symbol, fill, meaning], index) => {
      const x = starts[index] ?? 0;
      return [
        text(x, 30, symbol, { 'font-size': 11.5, fill }),
        text(x + 16, 30, meaning, { 'font-size': 11.5, fill: muted }),
      ];
    });
  }

  /** The outages as shaded spans, each with its letter. */
  outages(): string[] {
    const { amber } = this.#theme;
    return this.#scenario.outages.flatMap(({ fromMs, toMs }, index) => {
      const x = Math.max(this.#x(fromMs), this.#size.left);
      const width = Math.max(1.5, this.#x(toMs) - x);
      const middle = { 'text-anchor': 'middle', 'font-size': 12, 'font-weight': 600, fill: amber };
      return [
        element('rect', { x, y: TOP, width, height: this.#size.chart, fill: amber, opacity: 0.2 }),
        text(x + width / 2, TOP - 8, letterOf(index), middle),
      ];
    });
  }

  axes(): string[] {
    const { theme, left, right } = {
      theme: this.#theme,
      left: this.#size.left,
      right: this.#size.width - RIGHT,
    };
    const small = { 'font-size': 11.5, fill: theme.muted };
    const hours = this.#scenario.lifeMs / HOUR_MS;
    const levels = [0, hours / 4, hours / 2, (hours * 3) / 4, hours].map((hour) => {
      const y = this.#y(hour * HOUR_MS);
      const isEdge = hour === 0 || hour === hours;
      const stroke = isEdge ? { stroke: theme.muted } : { stroke: theme.border, 'stroke-dasharray': '2 3' };
      return [
        element('line', { x1: left, x2: right, y1: y, y2: y, ...stroke }),
        text(left - 8, y + 4, `${hour} h`, { ...small, 'text-anchor': 'end' }),
      ];
    });
    const days = this.#days().map((startMs, index) => {
      const x = this.#x(startMs);
      const label = `day ${index + 1}`;
      return [
        element('line', { x1: x, x2: x, y1: this.bottom, y2: this.bottom + 5, stroke: theme.muted }),
        text(this.#x(startMs + DAY_MS / 2), this.bottom + 20, label, { ...small, 'text-anchor': 'middle' }),
      ];
    });
    return [...levels.flat(), ...days.flat()];
  }

  /** The line of the life left, and where there is none. */
  life(): string[] {
    const { blue, red } = this.#theme;
    const points = lifeLeft(this.#scenario).map(({ atMs, leftMs }): [number, number] => [
      this.#x(atMs),
      this.#y(leftMs),
    ]);
    const expired = expiredSpans(this.#scenario);
    // The line bends where the life reaches zero.
    const bends = expired.map(({ fromMs }): [number, number] => [this.#x(fromMs), this.bottom]);
    const all = [...points, ...bends].sort(([a], [b]) => a - b);
    return [
      element('path', { d: area().digits(1).y0(this.bottom)(all) ?? '', fill: blue, opacity: 0.1 }),
      element('path', { d: line().digits(1)(all) ?? '', fill: 'none', stroke: blue, 'stroke-width': 1.5 }),
      ...expired.map(({ fromMs, toMs }) => {
        const [x1, x2] = [this.#x(fromMs), this.#x(toMs)];
        return element('line', { x1, x2, y1: this.bottom, y2: this.bottom, stroke: red, 'stroke-width': 4 });
      }),
    ];
  }

  /** A mark on the line for each page. */
  pages(): string[] {
    return this.#scenario.pages.map(({ atMs, lifeLeftMs }: ShownPage) => {
      const [x, y] = [this.#x(atMs), this.#y(Math.max(0, lifeLeftMs)) - 3];
      const points = `${x},${y} ${x - 5},${y - 10} ${x + 5},${y - 10}`;
      return element('polygon', { points: roundedPoints(points), fill: this.#theme.red });
    });
  }

  /** A stroke for each run. Those that failed are longer and in another colour. */
  runs(): string[] {
    const theme = this.#theme;
    const top = this.bottom + 34;
    const small = { 'font-size': 11.5, fill: theme.muted };
    const strokes = this.#scenario.runs.map(({ atMs, ok }) => {
      const x = this.#x(atMs);
      const [y1, colour] = ok ? [top + STRIP / 2, theme.green] : [top, theme.red];
      return element('line', { x1: x, x2: x, y1, y2: top + STRIP, stroke: colour, 'stroke-width': 1.5 });
    });
    const failed = this.#scenario.runs.filter(({ ok }) => !ok).length;
    const legend = `Runs: ${this.#scenario.runs.length - failed} worked (short), ${failed} failed and were tried again (long)`;
    return [...strokes, text(this.#size.left, top + STRIP + 18, legend, small)];
  }

  #days(): number[] {
    const { fromMs, toMs } = this.#scenario;
    return Array.from({ length: Math.round((toMs - fromMs) / DAY_MS) }, (_, day) => fromMs + day * DAY_MS);
  }
}

function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function roundedPoints(points: string): string {
  return points.replace(/\d+\.\d+/g, (number) => Number(number).toFixed(1));
}

/** Returns a time of the scenario, such as `day 2, 16:05`. */
function formatMoment({ fromMs }: Scenario, atMs: number): string {
  const day = Math.floor((atMs - fromMs) / DAY_MS) + 1;
  return `Day ${day}, ${new Date(atMs).toISOString().slice(11, 16)}`;
}

/** Returns a length of time, such as `4 h 48 min`. */
function formatHours(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

function wrapped(sentence: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > characters) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
