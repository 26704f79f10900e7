/** How text is divided into lines for the width of a terminal. Escape sequences for colour have no width. */

import stringWidth from 'string-width';

/** Maximum width of prose: longer lines are hard to read. Tables may be wider. */
const MAX_PROSE_COLUMNS = 100;

/** A continuation line has at least this much room, even if the indentation must shrink. */
const MIN_TEXT_COLUMNS = 24;

/** Space between two columns of a table. */
const GAP = 2;

/** A command to type. It is copied as a whole, so it is kept on one line, which the terminal itself may wrap. */
const COMMAND = /(?:[A-Z_]+=\S+ )?(?:npx|aws) [a-z].*$/;

/**
 * Divides a line between words. A command at its end stays on one line, and moves to the next line if it does not fit.
 *
 * @param columns - width of the terminal
 * @param hang - indentation of the following lines. @default - where the text begins after its mark or its label
 */
export function wrapLine(line: string, columns: number, hang = hangOf(line)): string[] {
  const width = Math.min(columns, MAX_PROSE_COLUMNS);
  if (stringWidth(line) <= width) return [line];
  const indent = ' '.repeat(Math.max(0, Math.min(hang, width - MIN_TEXT_COLUMNS)));
  const lines: string[] = [];
  let current = '';
  for (const { space, text } of atomsOf(line)) {
    const joined = `${current}${space}${text}`;
    // A new line gains nothing while there is only a mark or a label on this one.
    const isStart = stringWidth(`${current}${space}`) <= indent.length;
    if (isStart || stringWidth(joined) <= width) {
      current = joined;
    } else {
      lines.push(current.trimEnd());
      current = `${indent}${text}`;
    }
  }
  return [...lines, current];
}

/** A word, or an amount with its unit, such as `11 h 59 min`. */
const ATOM = /(\s*)(\(?\d+ h \d+ min\S*|\(?[\d.]+ (?:h|min|ms|s)(?![a-z])\S*|\S+)/g;

/** The parts of a line that stay whole, each with the space in front of it. */
function atomsOf(line: string): { readonly space: string; readonly text: string }[] {
  const command = COMMAND.exec(line);
  const prose = command ? line.slice(0, command.index) : line;
  const atoms = [...prose.matchAll(ATOM)].map(([, space = '', text = '']) => ({ space, text }));
  if (!command) return atoms;
  const space = /\s*$/.exec(prose)?.[0] ?? '';
  // A colour or a bracket in front of the command has no space between.
  const glued = space === '' ? (atoms.pop() ?? { space: '', text: '' }) : { space, text: '' };
  return [...atoms, { space: glued.space, text: `${glued.text}${command[0]}` }];
}

/** Returns the column at which the text begins: after the indentation, a mark, and a label with two spaces behind it. */
function hangOf(line: string): number {
  const plain = line.replace(COLOUR, '');
  const [mark = ''] = /^\s*(?:(?:[✓!✗·→-]|->) )?/.exec(plain) ?? [];
  const [label = ''] = /^\S[^:]{0,24}?\s{2,}(?=\S)/.exec(plain.slice(mark.length)) ?? [];
  return stringWidth(mark + label);
}

/** A control sequence for colour (ECMA-48, SGR). */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/**
 * Lays out a table with bold headings. Cells wrap between words. If the longest words do not fit side by side, each row
 * becomes a list of headings with values.
 *
 * @param columns - width of the terminal. @default - the table may have any width
 * @returns lines without space at their end
 */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const all = [headings, ...rows];
  const natural = headings.map((_, at) => Math.max(...all.map((row) => stringWidth(row[at] ?? ''))));
  const least = headings.map((_, at) => Math.max(...all.map((row) => longestWord(row[at] ?? ''))));
  const room = columns - GAP * (headings.length - 1);
  if (sum(least) > room) return recordLines(headings, rows, columns);
  const widths = shrink(natural, least, room);
  return all.flatMap((row) => rowLines(row, widths));
}

/** Lays out each row as a list of headings with values, with an empty line between rows. Empty values are left out. */
export function recordLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  return rows.flatMap((row, index) => {
    const lines = headings.flatMap((heading, at) => {
      const value = row[at] ?? '';
      return value === '' ? [] : wrapLine(`${heading}: ${value}`, columns, GAP);
    });
    return index === 0 ? lines : ['', ...lines];
  });
}

function rowLines(row: readonly string[], widths: readonly number[]): string[] {
  const cells = widths.map((width, at) => wrapCell(row[at] ?? '', width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, at) => padEnd(lines[line] ?? '', widths[at] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function wrapCell(cell: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of wordsOf(cell)) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (current !== '' && stringWidth(joined) > width) {
      lines.push(current);
      current = word;
    } else {
      current = joined;
    }
  }
  return carryColour([...lines, current]);
}

/** Ends the colour of a cell on each of its lines, and begins it again on the next one. */
function carryColour(lines: readonly string[]): string[] {
  if (lines.length === 1) return [...lines];
  const codes = lines.join(' ').match(COLOUR) ?? [];
  const [begin = '', end = ''] = [codes[0], codes.at(-1)];
  return lines.map((line) => `${begin}${line.replace(COLOUR, '')}${end}`);
}

/** Takes room from the widest columns until the table fits. */
function shrink(natural: readonly number[], least: readonly number[], room: number): number[] {
  const widths = [...natural];
  while (sum(widths) > room) {
    const slack = widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0));
    const widest = slack.indexOf(Math.max(...slack));
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function wordsOf(cell: string): string[] {
  return [...cell.matchAll(ATOM)].map(([, , text = '']) => text);
}

function longestWord(cell: string): number {
  return Math.max(0, ...wordsOf(cell).map((word) => stringWidth(word)));
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
