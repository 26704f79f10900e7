/** What is wrong in a configuration, and how a person reads it. */

/** One mistake: where, what was expected there, and what was found. */
export interface Mistake {
  readonly path: readonly PropertyKey[];
  readonly expected: string;
  readonly found: string;
}

/** The configuration cannot be used. Its message is all that a person needs; a stack trace adds nothing. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const MAX_LISTED = 20;

/** One error for all mistakes of a file, a line each; at most 20 lines, so that the first ones stay in sight. */
export function mistakesError(file: string, mistakes: readonly Mistake[]): ConfigError {
  const sorted = [...mistakes].sort((a, b) =>
    pathText(a.path).localeCompare(pathText(b.path), 'en', { numeric: true }),
  );
  const lines = sorted
    .slice(0, MAX_LISTED)
    .map(({ path, expected, found }) => `  ${pathText(path)}: expected ${expected}; found ${found}`);
  const rest = sorted.length - lines.length;
  const count = sorted.length === 1 ? '1 mistake' : `${sorted.length} mistakes`;
  return new ConfigError(
    [
      `${file} has ${count}:`,
      ...lines,
      ...(rest > 0 ? [`  and ${rest} more`] : []),
      'Every key is described in refresher.schema.json.',
    ].join('\n'),
  );
}

/** A path as people write it: `targets[1].registry.region`. */
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

/** Whether this text is, or contains, an API key of Runpod (`rpa_…`, or the older all-capitals form). */
export function looksLikeRunpodKey(text: string): boolean {
  return RUNPOD_KEY.test(text);
}

/** Whether a text could be a secret that someone pasted: known prefixes, or one long run of letters and digits. */
export function looksSecret(text: string): boolean {
  return looksLikeRunpodKey(text) || OTHER_SECRET.test(text) || OPAQUE.test(text);
}

const MAX_QUOTED = 60;

/**
 * Describes a value for a message, short, and never a value that could be a secret: one that looks like it, or
 * that stands under a key which names one. Of an address only its host is shown (webhooks carry keys in paths).
 */
export function describeFound(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const hidden = path.some((step) => typeof step === 'string' && SECRET_KEY.test(step));
  if (hidden || looksSecret(value)) return `a text of ${value.length} characters`;
  const address = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)(.*)$/is.exec(value);
  const shown = address ? `${address[1]}${address[2]}${address[3] ? '/…' : ''}` : value;
  return JSON.stringify(shown.length > MAX_QUOTED ? `${shown.slice(0, MAX_QUOTED)}…` : shown);
}
