/** Makes text from Runpod, AWS, a registry or a log line safe to show. */

import { stripVTControlCharacters } from 'node:util';

/** A longer line is cut. The project's own longest message has 1,500 bytes and some words around it. */
const MAX_LINE_CHARACTERS = 4_000;

/** Longer names are cut, so that a name cannot fill the row of a terminal and forge the next one. */
const MAX_NAME_CHARACTERS = 100;

/** The longest name of an image: host, repository (256), and a tag or digest (128), with some room. */
export const MAX_IMAGE_CHARACTERS = 500;

/** What a terminal may take as the start of a new line: C0 and C1 line breaks and tabs, U+2028 and U+2029. */
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/**
 * Other characters that change how text is shown: control characters (Cc), format characters such as those that reverse
 * the text direction (Cf), and halves of surrogate pairs (Cs).
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** The characters that are escaped in JSON: those of `INVISIBLE`, and those that break lines. */
const INVISIBLE_IN_JSON = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Returns the text on one line, without control characters, escape sequences and characters that reverse the text
 * direction. A line break becomes a space. Text that is longer than 4,000 characters is cut.
 */
export function visibleLine(text: string): string {
  // Only the first 40,000 characters are searched. They may begin with thousands of escape sequences.
  return cut(withoutControls(text.slice(0, MAX_LINE_CHARACTERS * 10)), MAX_LINE_CHARACTERS);
}

/** Makes a name from Runpod or AWS safe to show, like `visibleLine`, with single spaces, and cut to `maxCharacters`. */
export function visibleName(name: string, maxCharacters = MAX_NAME_CHARACTERS): string {
  return cut(visibleLine(name).replace(/\s+/g, ' ').trim(), maxCharacters);
}

/** Returns a JSON document whose control characters are escaped as `\uXXXX`, except the line breaks of its layout. */
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
