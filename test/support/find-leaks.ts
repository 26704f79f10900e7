/** A secret that was found in an output. The value itself is not repeated. */
export interface Leak {
  /** The name of the secret. */
  readonly secret: string;
  /** The encoding in which it was found, or `plain`. */
  readonly form: string;
}

/** Number of consecutive characters that count as a leak. A parser's message quotes about ten characters of its input. */
const LEAK_CHARACTERS = 8;

/** The same for an encoded secret. Shorter pieces of an encoding occur by chance. */
const ENCODED_LEAK_CHARACTERS = 12;

/**
 * Searches an output for secrets: plain, base64 (also inside a longer text, as in `Basic …`), base64url, hexadecimal,
 * URL-encoded and JSON-escaped. Eight consecutive characters of a secret count as a leak, so a secret of a test must
 * not consist of common words.
 *
 * @param secrets - the values by the names under which they are reported
 */
export function findLeaks(output: string, secrets: Readonly<Record<string, string>>): Leak[] {
  const pieces = new Pieces(output);
  return Object.entries(secrets).flatMap(([secret, value]) =>
    formsOf(value)
      .filter(({ text, minCharacters }) => pieces.includePieceOf(text, minCharacters))
      .map(({ form }) => ({ secret, form })),
  );
}

/** Searches the message, the stack and the fields of an error for secrets. */
export function findLeaksInError(error: unknown, secrets: Readonly<Record<string, string>>): Leak[] {
  const stack = error instanceof Error ? error.stack : '';
  return findLeaks(`${error} ${stack} ${JSON.stringify(error)}`, secrets);
}

interface Form {
  readonly form: string;
  readonly text: string;
  readonly minCharacters: number;
}

function formsOf(value: string): Form[] {
  const bytes = Buffer.from(value, 'utf8');
  const plain = { form: 'plain', text: value, minCharacters: LEAK_CHARACTERS };
  const escaped = JSON.stringify(value).slice(1, -1);
  const encoded = [
    // Three bytes become four characters, so the text before a secret shifts its encoding in one of three ways.
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
  ].map((form) => ({ ...form, minCharacters: ENCODED_LEAK_CHARACTERS }));
  return distinct([plain, ...encoded.filter(({ text }) => text !== value)]);
}

function distinct(forms: readonly Form[]): Form[] {
  return forms.filter(({ text }, index) => forms.findIndex((other) => other.text === text) === index);
}

/** All pieces of a text, by their length. A search for thousands of pieces in megabytes would take seconds. */
class Pieces {
  readonly #text: string;
  readonly #bySize = new Map<number, ReadonlySet<string>>();

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether as many consecutive characters of `other`, or all of a shorter one, occur in the text. */
  includePieceOf(other: string, minCharacters: number): boolean {
    const size = Math.min(minCharacters, other.length);
    if (size === 0) return false;
    const pieces = this.#bySize.get(size) ?? new Set(piecesOf(this.#text, size));
    this.#bySize.set(size, pieces);
    return piecesOf(other, size).some((piece) => pieces.has(piece));
  }
}

function piecesOf(text: string, size: number): string[] {
  return Array.from({ length: Math.max(0, text.length - size + 1) }, (_, at) => text.slice(at, at + size));
}
