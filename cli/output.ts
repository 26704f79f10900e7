/** The output of a command: lines, marks, tables, a spinner, JSON. */

import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { createColors } from 'picocolors';
import { recordLines, tableLines, wrapLine } from './layout';
import { isPlain } from './plain';
import { visibleJson, visibleLine } from './visible';

/** The result of a check, or of a target. */
export type Status = 'ok' | 'warning' | 'broken' | 'not-checked';

const MARKS: Readonly<Record<Status, string>> = { ok: '✓', warning: '!', broken: '✗', 'not-checked': '·' };

/** The words for the marks, in plain output and in the legend. */
const WORDS: Readonly<Record<Status, string>> = {
  ok: 'ok',
  warning: 'warning',
  broken: 'broken',
  'not-checked': 'not checked',
};

const SPINNER_FRAMES = ['◒', '◐', '◓', '◑'];

/** Moves the cursor to the start of the line and erases the line (ECMA-48, EL). */
const ERASE_LINE = `\r${String.fromCharCode(27)}[2K`;

const STYLES = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'] as const;

/** A function for each style: it returns a text that `Output` shows in that style. */
export type Styles = Readonly<Record<(typeof STYLES)[number], (text: string) => string>>;

/** An output stream that may be a terminal. */
export type Screen = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The streams and settings of `Output`. */
export interface OutputOptions {
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Write one JSON document to standard output, and nothing else. */
  readonly json: boolean;
  /** Environment variables: NO_COLOR, TERM, the locale and RUNPOD_ECR_PLAIN are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Writes text for people, or one JSON document for programs. Colour and the spinner appear on a terminal only. Lines
 * are wrapped at the width of the terminal. In a file or a pipe no line is wrapped, so that it can be searched.
 *
 * All text passes `visibleLine`, because it may come from somebody else's server. The only escape sequences that reach
 * the terminal are those of `colors`.
 */
export class Output {
  readonly json: boolean;
  /** Words instead of symbols, no colour, no spinner, and lists instead of tables. */
  readonly plain: boolean;
  readonly colors: Styles;
  readonly #options: OutputOptions;
  /** Stands for the escape sequences of `colors`. Text from elsewhere cannot contain it, because it is random. */
  readonly #placeholder = randomUUID();
  #spinning = false;
  #hasData = false;
  #done: object = {};

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
    const { stdout, env } = options;
    this.plain = isPlain({ env, isTTY: stdout.isTTY === true });
    const styled = STYLES.map((style) => {
      const [begin, end] = [`${this.#placeholder}${style}+`, `${this.#placeholder}${style}-`];
      return [style, (text: string) => `${begin}${text}${end}`] as const;
    });
    this.colors = Object.fromEntries(styled) as Styles;
  }

  /**
   * Writes a line to standard output. With `--json` it writes nothing.
   *
   * @param hang - indentation of what does not fit on the line. @default - where the text begins after its mark or label
   */
  line(text = '', hang?: number): void {
    for (const line of this.#wrapped(this.#options.stdout, text, hang)) this.#write(line);
  }

  /** Width of the terminal; undefined for a file or a pipe. */
  get columns(): number | undefined {
    return columnsOf(this.#options.stdout);
  }

  #wrapped(stream: Screen, text: string, hang?: number): string[] {
    const line = this.#visible(text);
    const columns = columnsOf(stream);
    return columns === undefined ? [line] : wrapLine(line, columns, hang);
  }

  /** Writes the JSON document. Without `--json` it writes nothing. */
  data(value: unknown): void {
    this.#hasData = true;
    if (this.json) this.#options.stdout.write(`${visibleJson(value)}\n`);
  }

  /** Keeps what the command has done, so that the JSON document of a later error says it too. */
  note(done: object): void {
    this.#done = { ...this.#done, ...done };
  }

  /** What `note` was told. */
  get done(): object {
    return this.#done;
  }

  /** Whether the command has written its JSON document. There is only one. */
  get hasData(): boolean {
    return this.#hasData;
  }

  /** Writes a line to standard error. */
  error(text: string): void {
    const { stderr } = this.#options;
    for (const line of this.#wrapped(stderr, text)) stderr.write(`${line}\n`);
  }

  /** Returns the mark of a status in its colour; in plain output its word and a colon. */
  mark(status: Status): string {
    if (this.plain) return `${WORDS[status]}:`;
    const { green, yellow, red, dim } = this.colors;
    const colour = { ok: green, warning: yellow, broken: red, 'not-checked': dim }[status];
    return colour(MARKS[status]);
  }

  /** Returns the arrow between an old and a new value, or before a fix. In plain output it is a word. */
  arrow(word = 'to'): string {
    return this.plain ? word : this.colors.cyan('→');
  }

  /** Writes what the marks of these results mean. Plain output has no marks. */
  legend(statuses: readonly Status[]): void {
    if (this.plain) return;
    const shown = (Object.keys(MARKS) as Status[]).filter((status) => statuses.includes(status));
    const texts = shown.map((status) => `${this.mark(status)} ${this.colors.dim(WORDS[status])}`);
    this.line(texts.join('   '));
  }

  /** Writes a table with bold headings and no borders. In plain output each row is a list of headings with values. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const shown = {
      headings: headings.map((heading) => this.#visible(this.colors.bold(heading))),
      rows: rows.map((row) => row.map((cell) => this.#visible(cell))),
    };
    const layOut = this.plain ? recordLines : tableLines;
    for (const line of layOut(shown.headings, shown.rows, this.columns)) this.#write(line);
  }

  /**
   * Runs `action` and shows a spinner until it has ended, on standard error and on a terminal only. A label that is a
   * function is asked again and again.
   *
   * The spinner of `@clack/prompts` is not used because it reads the keyboard. An API key on standard input would be
   * shown and lost, and Ctrl-C would end the process with exit code 0.
   */
  async withSpinner<T>(label: string | (() => string), action: () => Promise<T>): Promise<T> {
    const { stderr, env } = this.#options;
    if (!stderr.isTTY || this.json || this.plain || env.TERM === 'dumb') return action();
    let frame = 0;
    const draw = () => {
      const text = typeof label === 'string' ? label : label();
      // A line that the terminal wraps could not be erased.
      const room = (stderr.columns ?? 80) - 4;
      const shown = text.length > room ? `${text.slice(0, room - 1)}…` : text;
      stderr.write(`${ERASE_LINE}${SPINNER_FRAMES[frame % SPINNER_FRAMES.length]}  ${shown}`);
      frame += 1;
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

  /** Writes a line that can be shown as it is. */
  #write(line: string): void {
    if (this.#spinning) this.#options.stderr.write(ERASE_LINE);
    if (!this.json) this.#options.stdout.write(`${line}\n`);
  }

  /** Returns the text as it can be shown, with the escape sequences of `colors`. */
  #visible(text: string): string {
    const palette = createColors(!this.plain && hasColour(this.#options.stdout, this.#options.env));
    // Plain text and marks such as `red+` or `red-` alternate.
    const parts = text.split(new RegExp(`${this.#placeholder}(\\w+[+-])`));
    return parts
      .map((part, at) => {
        if (at % 2 === 0) return this.plain ? visibleLine(part).replaceAll('…', '...') : visibleLine(part);
        const style = part.slice(0, -1) as (typeof STYLES)[number];
        const [begin = '', end = ''] = palette[style]('|').split('|');
        return part.endsWith('+') ? begin : end;
      })
      .join('');
  }
}

/** Whether a stream shows colour: it is a terminal, and neither NO_COLOR (no-color.org) nor TERM forbids colour. */
export function hasColour(stream: Screen, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Width of a terminal; undefined for another stream, or when the terminal does not say it. */
function columnsOf({ isTTY, columns }: Screen): number | undefined {
  return isTTY && columns ? columns : undefined;
}
