/** Everything that a command shows: lines, marks, tables, progress, JSON. */

import type { Writable } from 'node:stream';
import Table from 'cli-table3';
import { createColors } from 'picocolors';

/** How something stands. */
export type Standing = 'ok' | 'warning' | 'broken' | 'skipped';

const MARKS: Readonly<Record<Standing, string>> = { ok: '✓', warning: '!', broken: '✗', skipped: '·' };

const SPINNER = ['◒', '◐', '◓', '◑'];

/** To the beginning of the line, and erases it (ECMA-48, EL). */
const ERASE_LINE = `\r${String.fromCharCode(27)}[2K`;

/** A stream that may be a terminal. */
export type Screen = Writable & { readonly isTTY?: boolean };

/** Where output goes. */
export interface OutputOptions {
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** One JSON document on standard output, and nothing else there. */
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Writes for people, or one JSON document for machines. Colour and movement only on a terminal. */
export class Output {
  readonly json: boolean;
  readonly colors: ReturnType<typeof createColors>;
  readonly #options: OutputOptions;
  #spinning = false;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
    this.colors = createColors(hasColour(options.stdout, options.env));
  }

  /** A line for people; nothing with `--json`. */
  line(text = ''): void {
    if (this.#spinning) this.#options.stderr.write(ERASE_LINE);
    if (!this.json) this.#options.stdout.write(`${text}\n`);
  }

  /** The document for machines; nothing without `--json`. */
  data(value: unknown): void {
    if (this.json) this.#options.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** A line on standard error. */
  complain(text: string): void {
    this.#options.stderr.write(`${text}\n`);
  }

  /** A mark in its colour. */
  mark(standing: Standing): string {
    const { green, yellow, red, dim } = this.colors;
    const colour = { ok: green, warning: yellow, broken: red, skipped: dim }[standing];
    return colour(MARKS[standing]);
  }

  /** Columns under bold headings, without lines. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const table = new Table({
      head: headings.map((heading) => this.colors.bold(heading)),
      chars: NO_LINES,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    });
    table.push(...rows.map((row) => [...row]));
    for (const line of table.toString().split('\n')) this.line(line.trimEnd());
  }

  /**
   * Shows that something is going on until `action` has ended; on standard error, and on a terminal only.
   *
   * Not the spinner of the prompts: it reads the keyboard, so that a key on standard input would be shown and
   * lost, and Ctrl-C would end the process as if all were well.
   */
  async during<T>(label: string, action: () => Promise<T>): Promise<T> {
    const { stderr, env } = this.#options;
    if (!stderr.isTTY || this.json || env.TERM === 'dumb') return action();
    let turn = 0;
    const draw = () => {
      stderr.write(`${ERASE_LINE}${SPINNER[turn % SPINNER.length]}  ${label}`);
      turn += 1;
    };
    this.#spinning = true;
    draw();
    const timer = setInterval(draw, 100);
    try {
      return await action();
    } finally {
      clearInterval(timer);
      this.#spinning = false;
      stderr.write(ERASE_LINE);
    }
  }
}

/** Whether a stream shows colour: a terminal, and nobody said no (no-color.org). */
export function hasColour(stream: Screen, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
