/** Writes SVG as text: elements, and the document around them. */

import type { Theme } from './theme';

/** Fonts of text, most wanted first. An SVG in an `<img>` can only use fonts of the reader's machine. */
export const SANS = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

/** Fonts of a terminal, most wanted first. */
export const MONOSPACE =
  "ui-monospace, SFMono-Regular, 'SF Mono', Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace";

/** Attributes of an element. An undefined one is left out, and a number is rounded to two digits. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Returns an element. @param content - markup, or nothing for an empty element */
export function element(
  name: string,
  attributes: Attributes,
  content: string | readonly string[] = '',
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escaped(String(value))}"`)
    .join('');
  const inner = typeof content === 'string' ? content : content.join('\n');
  return inner === '' ? `<${name}${written}/>` : `<${name}${written}>${inner}</${name}>`;
}

/** Returns a text at a point. */
export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escaped(content));
}

/** What a picture is, for its document and for its readers. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** What the picture says, for those who cannot see it. */
  readonly description: string;
  readonly theme: Theme;
  readonly font: string;
}

/** Returns the document: the background with a thin border, the title and the description for screen readers, the content. */
export function svgDocument(frame: Frame, content: readonly string[]): string {
  const { width, height, title, description, theme, font } = frame;
  const head = [
    element('title', { id: 'title' }, escaped(title)),
    element('desc', { id: 'desc' }, escaped(description)),
    element('rect', {
      x: 0.5,
      y: 0.5,
      width: width - 1,
      height: height - 1,
      rx: 8,
      fill: theme.background,
      stroke: theme.border,
    }),
  ];
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${round(width)} ${round(height)}`,
    role: 'img',
    'aria-labelledby': 'title desc',
    'font-family': font,
  };
  return `${element('svg', root, ['', ...head, ...content, ''])}\n`;
}

/** Returns text as it may stand in markup and in attributes. */
export function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** Rounds to two digits, so that the last bits of a computation do not change a file. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
