/** What a terminal shows, according to xterm.js, the terminal emulator of VS Code. */

import { type IBufferCell, Terminal } from '@xterm/headless';
import { COLUMNS } from './shows';

/** More rows than any command prints, so that nothing scrolls away. */
export const ROWS = 120;

/** Characters of one style, side by side. */
export interface Run {
  readonly column: number;
  readonly text: string;
  /** Number in the palette of 16 colours. @default - the text's colour */
  readonly colour?: number;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

/** Interprets the bytes of a terminal. @returns the rows up to the last one with text */
export async function screenOf(bytes: string): Promise<readonly (readonly Run[])[]> {
  const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(bytes, resolve));
  const rows = Array.from({ length: ROWS }, (_, row) => runsOf(terminal, row));
  terminal.dispose();
  return rows.slice(0, rows.findLastIndex((runs) => runs.length > 0) + 1);
}

/** Returns the text of each row. */
export function textOf(rows: readonly (readonly Run[])[]): string[] {
  return rows.map((runs) => runs.reduce((line, { column, text }) => line.padEnd(column) + text, ''));
}

/** Writes a screen as bytes that give the same screen. `cat` shows them in colour. */
export function toBytes(rows: readonly (readonly Run[])[]): string {
  return rows.map((runs) => `${styledLine(runs)}\r\n`).join('');
}

const ESCAPE = String.fromCharCode(27);

function styledLine(runs: readonly Run[]): string {
  let length = 0;
  const parts = runs.map(({ column, text, colour, isBold, isDim }) => {
    const codes = [
      ...(isBold ? [1] : []),
      ...(isDim ? [2] : []),
      ...(colour === undefined ? [] : [sgrOf(colour)]),
    ];
    const gap = ' '.repeat(column - length);
    length = column + text.length;
    return codes.length === 0 ? `${gap}${text}` : `${gap}${ESCAPE}[${codes.join(';')}m${text}${ESCAPE}[0m`;
  });
  return parts.join('');
}

/** Number of a foreground colour in a "select graphic rendition" sequence (ECMA-48). */
function sgrOf(colour: number): number {
  return colour < 8 ? 30 + colour : 82 + colour;
}

function runsOf(terminal: Terminal, row: number): Run[] {
  const line = terminal.buffer.active.getLine(row);
  const runs: Run[] = [];
  for (let column = 0; column < COLUMNS; column++) {
    const cell = line?.getCell(column);
    const text = cell?.getChars() ?? '';
    if (!cell || text === '') continue;
    const style = styleOf(cell);
    const last = runs.at(-1);
    const continues = last && last.column + last.text.length === column && isSameStyle(last, style);
    if (continues) runs[runs.length - 1] = { ...last, text: last.text + text };
    else if (text !== ' ') runs.push({ column, text, ...style });
  }
  return runs.map((run) => ({ ...run, text: run.text.trimEnd() })).filter(({ text }) => text !== '');
}

type Style = Omit<Run, 'column' | 'text'>;

function styleOf(cell: IBufferCell): Style {
  return {
    ...(cell.isFgPalette() && { colour: cell.getFgColor() }),
    isBold: cell.isBold() !== 0,
    isDim: cell.isDim() !== 0,
  };
}

function isSameStyle(a: Style, b: Style): boolean {
  return a.colour === b.colour && a.isBold === b.isBold && a.isDim === b.isDim;
}
