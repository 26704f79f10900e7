/** What to say about a key that the schema does not know. */

import type { z } from 'zod';
import type { Mistake } from './mistakes';

type Issue = Extract<z.core.$ZodIssue, { code: 'unrecognized_keys' }>;

/** A mistake for each unknown key. The value is not shown: who knows what it is. */
export function unknownKeyMistakes(issue: Issue, knownKeys: readonly string[]): Mistake[] {
  return issue.keys.map((key) => {
    const nearest = nearestKey(key, knownKeys);
    const expected = nearest
      ? `a known key, perhaps "${nearest}"`
      : `one of the keys ${knownKeys.join(', ')}`;
    return { path: [...issue.path, key], expected, found: 'an unknown key' };
  });
}

/** The known key that a person most likely meant: at most a third of its letters are wrong. */
export function nearestKey(key: string, knownKeys: readonly string[]): string | undefined {
  const scored = knownKeys
    .map((known) => ({ known, distance: editDistance(key.toLowerCase(), known.toLowerCase()) }))
    .filter(({ known, distance }) => distance <= Math.max(1, known.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return scored[0]?.known;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...b].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      const removed = (previous[column + 1] ?? 0) + 1;
      const added = (current[column] ?? 0) + 1;
      current.push(Math.min(replaced, removed, added));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
