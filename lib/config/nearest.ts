/** Longer texts are not compared, because the time grows with the product of both lengths. */
const MAX_LENGTH = 100;

/** Returns the most similar candidate; undefined when more than a third of its characters differ. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const scored = candidates
    .map((candidate) => ({
      candidate,
      distance: editDistance([...text.toLowerCase()], [...candidate.toLowerCase()]),
    }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return scored[0]?.candidate;
}

/**
 * Returns the number of characters to replace, remove or add, or of neighbours to swap (the optimal string alignment
 * distance), computed row by row.
 */
function editDistance(a: readonly string[], b: readonly string[]): number {
  let beforePrevious: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, letter] of a.entries()) {
    const current = [row + 1];
    for (const [column, other] of b.entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      const removed = (previous[column + 1] ?? 0) + 1;
      const added = (current[column] ?? 0) + 1;
      const areSwapped = letter === b[column - 1] && other === a[row - 1];
      const swapped = areSwapped ? (beforePrevious[column - 1] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(replaced, removed, added, swapped));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
