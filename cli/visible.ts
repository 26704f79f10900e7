/** Makes text from elsewhere safe to show: of Runpod, AWS, a registry or a log line. */

import { stripVTControlCharacters } from 'node:util';

/** A longer line is cut. The longest message of the project's own has 1,500 bytes and some words around it. */
const MAX_LINE_CHARACTERS = 4_000;

/** Longer names are cut, so that a name cannot fill the row of a terminal and forge the next one. */
const MAX_NAME_CHARACTERS = 100;

/** The longest name of an image: host, repository (256), and a tag or digest (128), with some room. */
export const MAX_IMAGE_CHARACTERS = 500;

/** What a terminal may take as the start of a new line: C0 and C1 line breaks and tabs, U+2028 and U+2029. */
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/**
 * Everything else that changes how text is shown: control characters (Cc), format characters such as those that turn
 * the direction of writing (Cf), and halves of surrogate pairs (Cs).
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** The same characters, and those that break lines, for an escape in JSON. */
const INVISIBLE_IN_JSON = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Returns the text on one line, without control characters, escape sequences and characters that turn the direction
 * of writing. A line break becomes a space. Text that is longer than 4,000 characters is cut.
 */
export function visibleLine(text: string): string {
  // Only the part that can be shown is searched. Ten thousand escape sequences may precede it.
  return cut(withoutControls(text.slice(0, MAX_LINE_CHARACTERS * 10)), MAX_LINE_CHARACTERS);
}

/** Returns the name of something at Runpod or AWS like `visibleLine`, with single spaces, and cut to `maxCharacters`. */
export function visibleName(name: string, maxCharacters = MAX_NAME_CHARACTERS): string {
  return cut(visibleLine(name).replace(/\s+/g, ' ').trim(), maxCharacters);
}

/** Returns one JSON document with every character that a terminal may obey as `\uXXXX`. The line breaks of its layout stay. */
export function visibleJson(value: unknown): string {
  const document = JSON.stringify(value, null, 2);
  return document.replace(INVISIBLE_IN_JSON, (found) => (found === '\n' ? found : escaped(found)));
}

function withoutControls(text: string): string {
  return stripVTControlCharacters(text).replace(LINE_BREAKS, ' ').replace(INVISIBLE, '');
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
