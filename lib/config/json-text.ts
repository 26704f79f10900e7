import { printParseErrorCode, visit } from 'jsonc-parser';
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
  refuseProblems(json, file);
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

/**
 * Reads the text up to its first problem. `JSON.parse` of Node 20 reports no line, and accepts duplicate keys.
 *
 * It stops at the first problem. After a problem, the scanner may see more levels than `indexOfTooDeep` has counted.
 *
 * @throws ConfigError
 */
function refuseProblems(json: string, file: string): void {
  const refuse = (line: number, character: number, what: string): never => {
    throw new ConfigError(`${file} is not valid JSON: line ${line + 1}, column ${character + 1}: ${what}.`);
  };
  const keysOfOpenObjects: Set<string>[] = [];
  let expectsColon = false;
  let comma = { offset: -1, line: 0, character: 0 };
  visit(
    json,
    {
      onObjectBegin() {
        keysOfOpenObjects.push(new Set());
      },
      onObjectProperty(key, _offset, _length, line, character) {
        const keys = keysOfOpenObjects.at(-1);
        if (keys?.has(key)) refuse(line, character, 'duplicate key in this object');
        keys?.add(key);
        expectsColon = true;
      },
      onObjectEnd() {
        keysOfOpenObjects.pop();
      },
      onSeparator(separator, offset, _length, line, character) {
        expectsColon = false;
        if (separator === ',') comma = { offset, line, character };
      },
      onError(code, offset, _length, line, character) {
        const isTrailing =
          /^[}\]]/.test(json.slice(offset)) && json.slice(comma.offset + 1, offset).trim() === '';
        if (comma.offset >= 0 && isTrailing) {
          refuse(comma.line, comma.character, 'JSON does not support trailing commas');
        }
        if (offset >= json.length) refuse(line, character, 'Unexpected end of file');
        refuse(line, character, expectsColon ? 'Expected ":"' : describeProblem(printParseErrorCode(code)));
      },
    },
    { disallowComments: true, allowTrailingComma: false },
  );
}

const PROBLEMS: Readonly<Record<string, string>> = {
  PropertyNameExpected: 'Expected a key in double quotes',
  ValueExpected: 'Expected a value',
  CommaExpected: 'Expected ","',
  EndOfFileExpected: 'Expected the end of the file',
  InvalidCommentToken: 'JSON does not support comments',
  UnexpectedEndOfString: 'This text has no closing quote on its line',
  UnexpectedEndOfNumber: 'Unexpected end of number',
  InvalidUnicode: 'This text has an invalid \\u escape',
  InvalidEscapeCharacter: 'This text has an invalid escape',
  InvalidCharacter: 'This text has a control character, such as a tab',
};

/** Describes an error of the parser. It quotes nothing of the text. */
function describeProblem(code: string): string {
  return PROBLEMS[code] ?? 'Unexpected text';
}
