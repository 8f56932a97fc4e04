/** Owns the guess what a mistyped name was meant to be. */

/** Steps of one character (insert, delete, replace, swap of neighbours) between two texts, case ignored. */
export function editDistance(left: string, right: string): number {
  const a = [...left.toLowerCase()];
  const b = [...right.toLowerCase()];
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let steps = Math.min(current[column - 1]! + 1, last[column]! + 1, last[column - 1]! + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) steps = Math.min(steps, beforeLast[column - 2]! + 1);
      current.push(steps);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

/**
 * The known name with the smallest distance, the earlier one on a tie; one that holds the whole name is nearer than any
 * that does not (`mint` is a part of `mint_address`). Undefined only when nothing is known.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // A pasted file as a key would cost its length times every known name.
  const shortName = name.slice(0, 80);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const isPart = shortName.length >= 3 && candidate.toLowerCase().includes(shortName.toLowerCase());
    const distance = isPart
      ? (candidate.length - shortName.length) / 1_000
      : editDistance(shortName, candidate);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** The remedy for an unknown name: the nearest known one first, then all when they are few. */
export function didYouMean(name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  if (guess === undefined) return 'Remove it';
  const all = known.length > 1 && known.length <= 14 ? `; known: ${known.join(', ')}` : '';
  return `Did you mean ${guess}?${all === '' ? '' : ` Otherwise remove it${all}`}`;
}
