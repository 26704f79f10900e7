/** Reads JSON text. A syntax error says where it is and quotes nothing of the text, which may hold anything. */

import { type Message, transformSync } from 'esbuild';
import { ConfigError } from './mistakes';

/**
 * Parses plain JSON; a byte order mark in front is tolerated.
 *
 * @throws ConfigError with line and column, also for a key that stands twice in one object: `JSON.parse` would
 * silently take the last one.
 */
export function parseJson(text: string, file: string): unknown {
  const json = text.replace(/^\uFEFF/, '');
  const complaint = firstComplaint(json);
  if (complaint) throw new ConfigError(`${file} is not valid JSON: ${where(complaint)}${what(complaint)}.`);
  try {
    return JSON.parse(json);
  } catch {
    throw new ConfigError(`${file} is not valid JSON.`);
  }
}

/** esbuild's JSON parser knows line and column, which `JSON.parse` of Node 20 does not tell. */
function firstComplaint(json: string): Message | undefined {
  try {
    return transformSync(json, { loader: 'json', logLevel: 'silent' }).warnings[0];
  } catch (error) {
    return errorsOf(error)[0];
  }
}

function errorsOf(error: unknown): readonly Message[] {
  const failed = typeof error === 'object' && error !== null && 'errors' in error;
  return failed && Array.isArray(error.errors) ? error.errors : [];
}

function where({ location }: Message): string {
  if (!location) return '';
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  return `line ${location.line}, column ${before.length + 1}: `;
}

/** esbuild's own words, without what it quotes from the text. */
function what({ text }: Message): string {
  if (text.startsWith('Duplicate key')) return 'this key stands twice in one object';
  if (text.startsWith('Unexpected "')) return 'Unexpected text';
  return text.replace(/ but found .*$/s, '').replace(' in JSON', '');
}
