/** A secret that was found in an output. The value itself is not repeated. */
export interface Leak {
  /** The name under which the secret was given. */
  readonly secret: string;
  /** How it was written. */
  readonly form: string;
}

/** So much of a secret gives it away: a parser's message quotes some ten characters of what it could not read. */
const TELLING_CHARACTERS = 8;

/** An encoded text is longer, and short pieces of it occur by chance. */
const TELLING_ENCODED_CHARACTERS = 12;

/**
 * Looks for secrets in whatever a program puts out, plain and in the forms in which one travels: base64 (also
 * inside something longer, as in `Basic …`), base64url, hexadecimal, URL-encoded, JSON-escaped. Eight
 * characters of a secret in a row count as a leak, so a secret to look for must not be made of common words.
 *
 * @param secrets - by the name to report
 */
export function findLeaks(output: string, secrets: Readonly<Record<string, string>>): Leak[] {
  return Object.entries(secrets).flatMap(([secret, value]) =>
    formsOf(value)
      .filter(({ text, telling }) => holdsPieceOf(output, text, telling))
      .map(({ form }) => ({ secret, form })),
  );
}

interface Form {
  readonly form: string;
  readonly text: string;
  readonly telling: number;
}

function formsOf(value: string): Form[] {
  const bytes = Buffer.from(value, 'utf8');
  const plain = { form: 'plain', text: value, telling: TELLING_CHARACTERS };
  const escaped = JSON.stringify(value).slice(1, -1);
  const encoded = [
    // Three bytes make four characters, so what stands before the secret shifts its encoding in three ways.
    ...[0, 1, 2].flatMap((skip) => {
      const text = bytes.subarray(skip).toString('base64').replace(/=+$/, '');
      return [
        { form: 'base64', text },
        { form: 'base64url', text: text.replaceAll('+', '-').replaceAll('/', '_') },
      ];
    }),
    { form: 'hexadecimal', text: bytes.toString('hex') },
    { form: 'URL-encoded', text: encodeURIComponent(value) },
    { form: 'URL-encoded', text: new URLSearchParams({ v: value }).toString().slice(2) },
    { form: 'JSON-escaped', text: escaped },
    { form: 'JSON-escaped twice', text: JSON.stringify(escaped).slice(1, -1) },
  ].map((form) => ({ ...form, telling: TELLING_ENCODED_CHARACTERS }));
  return distinct([plain, ...encoded.filter(({ text }) => text !== value)]);
}

function distinct(forms: readonly Form[]): Form[] {
  return forms.filter(({ text }, index) => forms.findIndex((other) => other.text === text) === index);
}

function holdsPieceOf(output: string, text: string, telling: number): boolean {
  const size = Math.min(telling, text.length);
  if (size === 0) return false;
  for (let start = 0; start + size <= text.length; start += 1) {
    if (output.includes(text.slice(start, start + size))) return true;
  }
  return false;
}
