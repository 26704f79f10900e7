/** Makes text that others wrote safe to log and to show: on one line, bounded, and without our secrets. */

import { stripVTControlCharacters } from 'node:util';

/** Only so many characters are searched. A line of a log may have megabytes. */
const MAX_SEARCHED = 4_000;

/** So many consecutive characters of a secret count as the secret. */
const PIECE = 8;

/** The same for an encoded secret. Shorter pieces of an encoding occur by chance. */
const ENCODED_PIECE = 12;

/** Returns the text on one line, without control characters and our secrets, and cut to this many characters. */
export type Show = (text: string, maxCharacters: number) => string;

/**
 * Makes the function that shows the text of others.
 *
 * Each piece of a secret becomes `[secret]`: plain, in base64 (also inside a longer text, as in `Basic …`),
 * hexadecimal or URL-encoded. Control characters go first, because they could hide a secret from the search.
 *
 * @param secrets - returns the secrets that are known so far. They are searched for once they are known.
 */
export function createShow(secrets: () => Iterable<string>): Show {
  const pieces = new Map<number, Set<string>>([
    [PIECE, new Set()],
    [ENCODED_PIECE, new Set()],
  ]);
  const known = new Set<string>();
  const learn = () => {
    for (const secret of secrets()) {
      if (known.has(secret)) continue;
      known.add(secret);
      addPieces(pieces.get(PIECE), secret, PIECE);
      for (const form of encodedForms(secret)) addPieces(pieces.get(ENCODED_PIECE), form, ENCODED_PIECE);
    }
  };
  return (text, maxCharacters) => {
    learn();
    const plain = withoutControls(text.slice(0, MAX_SEARCHED));
    return cut(withoutPieces(plain, pieces), maxCharacters);
  };
}

/** A Runpod key, the value of an Authorization header, and text as long and as dense as ECR's password. */
const SECRET_FORMS = /\brpa_[A-Za-z0-9]{8,}|\b(?:Bearer|Basic)\s+[\w.~+/=-]{16,}|[A-Za-z0-9+/=_-]{200,}/g;

/** Replaces what has the form of a secret by `[secret]`: for text in which secrets may stand that are not known. */
export function withoutSecretForms(text: string): string {
  return text.replace(SECRET_FORMS, '[secret]');
}

/** A secret that is shorter than a piece is not searched for: it would hide ordinary words. */
function addPieces(pieces: Set<string> | undefined, secret: string, size: number): void {
  if (secret.length < size) return;
  for (let at = 0; at + size <= secret.length; at += 1) pieces?.add(secret.slice(at, at + size));
}

function encodedForms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  // Three bytes become four characters, so the text before a secret shifts its encoding in one of three ways.
  const base64 = [0, 1, 2].map((skip) => bytes.subarray(skip).toString('base64').replace(/=+$/, ''));
  const base64url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const urlEncoded = encodeURIComponent(secret);
  return [...base64, ...base64url, bytes.toString('hex'), ...(urlEncoded === secret ? [] : [urlEncoded])];
}

function withoutPieces(text: string, pieces: ReadonlyMap<number, ReadonlySet<string>>): string {
  const hidden = new Array<boolean>(text.length).fill(false);
  for (const [size, known] of pieces) {
    for (let at = 0; at + size <= text.length; at += 1) {
      if (known.has(text.slice(at, at + size))) hidden.fill(true, at, at + size);
    }
  }
  let shown = '';
  for (let at = 0; at < text.length; at += 1) {
    if (!hidden[at]) shown += text[at];
    else if (!hidden[at - 1]) shown += '[secret]';
  }
  return shown;
}

/** Control characters (Cc), characters that reverse the text direction (Cf), halves of surrogate pairs, line separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

function withoutControls(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
    .replace(INVISIBLE, '')
    .trim();
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
