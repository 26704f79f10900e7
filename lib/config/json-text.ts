import { type Message, transformSync } from 'esbuild';
import { ConfigError } from './mistakes';

/** Maximum nesting of objects and lists. A configuration needs five levels. */
export const MAX_DEPTH = 32;

/**
 * Parses plain JSON. A byte order mark at the start is allowed.
 *
 * The depth is checked before anything parses the text, because parsers and checks are recursive.
 *
 * @param file - name of the file in messages
 * @throws ConfigError with line and column for a syntax error, for a value that is nested too deeply, or for a
 *   duplicate key, which `JSON.parse` would accept. The message quotes nothing of the text, which may hold a secret.
 */
export function parseJson(text: string, file: string): unknown {
  const json = text.replace(/^\uFEFF/, '');
  const tooDeep = indexOfTooDeep(json);
  if (tooDeep !== undefined) {
    const lines = json.slice(0, tooDeep).split('\n');
    throw new ConfigError(
      `${file} is nested too deeply: line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}: expected at most ${MAX_DEPTH} levels of objects and lists.`,
    );
  }
  const problem = firstProblem(json);
  if (problem) throw new ConfigError(`${file} is not valid JSON: ${where(problem)}${what(problem)}.`);
  try {
    return JSON.parse(json);
  } catch {
    throw new ConfigError(`${file} is not valid JSON.`);
  }
}

/** Returns the index of the first bracket that is nested too deeply. Brackets within texts do not count. */
function indexOfTooDeep(json: string): number | undefined {
  let depth = 0;
  for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/gs)) {
    if (token === '[' || token === '{') depth += 1;
    if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_DEPTH) return index;
  }
  return undefined;
}

/** Parses with esbuild, which reports line and column. `JSON.parse` of Node 20 does not. */
function firstProblem(json: string): Message | undefined {
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

/** Returns esbuild's message without what it quotes from the text. */
function what({ text }: Message): string {
  if (text.startsWith('Duplicate key')) return 'duplicate key in this object';
  if (text.startsWith('Unexpected "')) return 'Unexpected text';
  return text.replace(/ but found .*$/s, '').replace(' in JSON', '');
}
