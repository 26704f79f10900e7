/** One mistake in a configuration. */
export interface Mistake {
  /** Keys and indexes from the root of the file to the value. */
  readonly path: readonly PropertyKey[];
  /** What was expected, as a noun phrase. */
  readonly expected: string;
  /** What was found, as a noun phrase without any secret. */
  readonly found: string;
  /** How to correct it: whole sentences, with the text to paste. @default - `expected` says enough */
  readonly fix?: string | undefined;
}

/** The configuration cannot be used. The message is complete, so the error has no stack trace. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  // Node prints every enumerable field of an error below its message, so these fields are private.
  readonly #problem: string;
  readonly #fix: string | undefined;

  /** @param fix - is added to the message */
  constructor(problem: string, fix?: string) {
    const message = fix === undefined ? problem : `${problem} ${fix}`;
    super(message);
    this.#problem = problem;
    this.#fix = fix;
    this.stack = `ConfigError: ${message}`;
  }

  /** The message without the fix. */
  get problem(): string {
    return this.#problem;
  }

  /** What to do about it. @default - the problem says enough */
  get fix(): string | undefined {
    return this.#fix;
  }
}

const MAX_LISTED = 20;

/** How a message speaks of what has the mistakes. The defaults are for a configuration file. */
export interface Wording {
  /** The last line of the message, which says where to read more. @default - the schema of the configuration file */
  readonly help?: string;
  /** Returns the path as the reader knows it. @default - the path in the configuration file */
  readonly rename?: (path: readonly PropertyKey[]) => readonly PropertyKey[];
}

const SEE_SCHEMA = 'Every key is described in refresher.schema.json.';

/**
 * Returns one error for all mistakes of a file, with one line for each of the first 20 in the order of their paths.
 *
 * @param mistakes - when several have the same path, only the first is shown
 * @param subject - name of what has the mistakes, usually the file
 * @param wording - for messages about something other than a file
 */
export function mistakesError(
  subject: string,
  mistakes: readonly Mistake[],
  { help = SEE_SCHEMA, rename = (path) => path }: Wording = {},
): ConfigError {
  const renamed = mistakes.map((mistake) => ({ ...mistake, path: rename(mistake.path) }));
  const sorted = onePerPath(renamed).sort((a, b) =>
    pathText(a.path).localeCompare(pathText(b.path), 'en', { numeric: true }),
  );
  const lines = sorted
    .slice(0, MAX_LISTED)
    .map(
      ({ path, expected, found, fix }) =>
        `  ${pathText(path)}: expected ${expected}; found ${found}${fix ? `. ${fix}` : ''}`,
    );
  const rest = sorted.length - lines.length;
  const count = sorted.length === 1 ? '1 mistake' : `${sorted.length} mistakes`;
  return new ConfigError(
    [`${subject} has ${count}:`, ...lines, ...(rest > 0 ? [`  and ${rest} more`] : []), help].join('\n'),
  );
}

function onePerPath(mistakes: readonly Mistake[]): Mistake[] {
  const first = new Map<string, Mistake>();
  for (const mistake of mistakes) {
    const key = pathText(mistake.path);
    if (!first.has(key)) first.set(key, mistake);
  }
  return [...first.values()];
}

/** Returns a path as people write it: `targets[1].registry.region`. A key that looks like a secret is not shown. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path
    .map((step) =>
      typeof step === 'number' ? `[${step}]` : `.${looksSecret(String(step)) ? '(a secret?)' : String(step)}`,
    )
    .join('')
    .replace(/^\./, '');
  return text === '' ? '(the whole file)' : text;
}

const RUNPOD_KEY = /(?<![A-Za-z0-9])[Rr][Pp][Aa]_[A-Za-z0-9]{8,}|^[A-Z0-9]{40,}$/;
const OTHER_SECRET = /(AKIA|ASIA)[A-Z0-9]{12,}|eyJ[A-Za-z0-9_-]{10,}|gh[a-z]_\w{10,}|_pat_\w{10,}|-----BEGIN/;
const OPAQUE = /[A-Za-z0-9+/=_]{32,}/;
const SECRET_KEY = /secret|passw|api_?key|token|credential|private_?key/i;

/** Returns whether a text contains a Runpod API key (`rpa_…`), or is one of the older form (capitals and digits). */
export function looksLikeRunpodKey(text: string): boolean {
  return RUNPOD_KEY.test(text);
}

/** Returns whether a text may contain a secret: a known prefix, or a long run of letters and digits. */
export function looksSecret(text: string): boolean {
  return looksLikeRunpodKey(text) || OTHER_SECRET.test(text) || OPAQUE.test(text);
}

const MAX_QUOTED = 60;

/**
 * Returns a short description of a value for a message.
 *
 * A text that looks like a secret, or whose key names a secret, is described by its length only. An address is shown
 * without user and path, because the paths of webhooks contain keys.
 */
export function describeFound(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  if (value.includes('${Token[')) return 'a token, whose value is known only at deployment';
  const hidden = path.some((step) => typeof step === 'string' && SECRET_KEY.test(step));
  if (hidden || looksSecret(value)) return `a text of ${value.length} characters`;
  const address = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)(.*)$/is.exec(value);
  const shown = address ? `${address[1]}${address[2]}${address[3] ? '/…' : ''}` : value;
  return JSON.stringify(shown.length > MAX_QUOTED ? `${shown.slice(0, MAX_QUOTED)}…` : shown);
}
