/** Draws a recorded screen as a terminal window. */

import { element, MONOSPACE, svgDocument, text } from '../svg';
import { type Colour, THEMES, type Theme, type ThemeName } from '../theme';
import type { Run } from './screen';
import type { Show } from './shows';

const FONT_SIZE = 14;
/** Width of a character: 0.6 of the font's size in most monospace fonts. */
const CELL = 8.4;
const LINE = 20;
/** Width of the window, in pixels. It fills the column of a README. */
const WIDTH = 830;
const MARGIN = 28;
const TITLE_BAR = 36;

/** Colours of the terminal's palette: black to white, then the same in bright. */
const PALETTE: readonly Colour[] = ['text', 'red', 'green', 'amber', 'blue', 'purple', 'cyan', 'muted'];

/** Draws a terminal window with a command and what it printed. */
export function drawTerminal(show: Show, rows: readonly (readonly Run[])[], themeName: ThemeName): string {
  const theme = THEMES[themeName];
  const firstRow = rows.findIndex((runs) => runs.length > 0);
  const typed = show.command.split('\n');
  const printed = rows.slice(Math.max(0, firstRow));
  const top = TITLE_BAR + 32;
  const baseline = (line: number) => top + line * LINE;
  const lines = typed.length + 1 + printed.length;
  const frame = {
    width: WIDTH,
    height: baseline(lines - 1) + 24,
    title: show.title,
    description: show.description,
    theme,
    font: MONOSPACE,
  };
  return svgDocument(frame, [
    drawTitleBar(theme),
    element('g', { 'font-size': FONT_SIZE, fill: theme.text, 'xml:space': 'preserve' }, [
      ...typed.flatMap((line, index) => drawTyped(line, index, baseline(index), theme)),
      ...printed.flatMap((runs, index) =>
        runs.flatMap((run) => drawRun(run, baseline(index + typed.length + 1), theme)),
      ),
    ]),
  ]);
}

function drawTitleBar(theme: Theme): string {
  const dots = (['red', 'amber', 'green'] as const).map((colour, index) =>
    element('circle', { cx: 24 + index * 20, cy: 18, r: 6, fill: theme[colour], opacity: 0.75 }),
  );
  const bar = {
    d: `M1 ${TITLE_BAR}V8a7 7 0 0 1 7-7H${WIDTH - 8}a7 7 0 0 1 7 7V${TITLE_BAR}Z`,
    fill: theme.frame,
  };
  const line = { x1: 1, x2: WIDTH - 1, y1: TITLE_BAR, y2: TITLE_BAR, stroke: theme.border };
  return element('g', {}, [element('path', bar), element('line', line), ...dots]);
}

function drawTyped(line: string, index: number, y: number, theme: Theme): string[] {
  const plain = { isBold: false, isDim: false };
  if (index > 0) return drawRun({ column: line.search(/\S/), text: line.trim(), ...plain }, y, theme);
  return [
    ...drawRun({ column: 0, text: '$', ...plain, colour: 2 }, y, theme),
    ...drawRun({ column: 2, text: line, ...plain, isBold: true }, y, theme),
  ];
}

/**
 * Draws a run. Every word gets the width that its cells have, because the reader's font may be wider or narrower.
 * Characters outside ASCII may come from another font, so each is drawn by itself.
 */
function drawRun({ column, text: content, colour, isBold, isDim }: Run, y: number, theme: Theme): string[] {
  const fill =
    colour === undefined ? (isDim ? theme.muted : undefined) : theme[PALETTE[colour % 8] ?? 'text'];
  return [...content.matchAll(/[!-~]+(?: [!-~]+)*|[^ -~]/g)].map(({ 0: part, index }) => {
    const isPlain = /^[ -~]/.test(part);
    return text(MARGIN + (column + index) * CELL, y, part, {
      fill,
      'font-weight': isBold ? 600 : undefined,
      textLength: isPlain && part.length > 1 ? part.length * CELL : undefined,
      lengthAdjust: isPlain && part.length > 1 ? 'spacingAndGlyphs' : undefined,
    });
  });
}
