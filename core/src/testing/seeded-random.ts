/**
 * Random numbers from 0 to 1 that are the same for the same seed, so that a failure can be repeated:
 * `MUSTER_SEED=123 npm test`.
 */
export function seededRandom(
  seed: number = Number(process.env["MUSTER_SEED"] ?? Math.floor(Math.random() * 2 ** 31)),
): { random: () => number; seed: number } {
  // mulberry32
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, seed };
}
