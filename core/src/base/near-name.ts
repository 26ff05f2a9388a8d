/** One of `names` that was probably meant by another one; undefined when none is near. */
export function nearName(written: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = distanceOf(plain(written), plain(name));
    if (distance >= least) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

/** `max_retries`, `maxRetries` and `max-retry` are the same word. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .replace(/ies$/, "y")
    .replace(/s$/, "");
}

/** Shorter words are in others by chance. */
const MIN_WORD = 4;

/** How many letters have to change; infinite when those are so many that another word was meant. */
function distanceOf(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  // `max_retries` means `retries`; of two that are in it, the longer one is meant.
  if (short.length >= MIN_WORD && long.includes(short)) return 1 - short.length / long.length;
  const distance = editDistance(a, b);
  return distance <= Math.max(1, Math.floor(long.length / 3)) ? distance : Number.POSITIVE_INFINITY;
}

/** Levenshtein's, with two letters that changed places as one change. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, beforeLast[column - 2]! + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
