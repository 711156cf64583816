/** What a row of measurements comes to. Machines are noisy: the middle is told, and how far the rest lies from it. */

export interface Summary {
  readonly median: number;
  /** Largest minus smallest, as a share of the median. */
  readonly spread: number;
  readonly runs: readonly number[];
}

export function summarize(runs: readonly number[]): Summary {
  const sorted = runs.toSorted((a, b) => a - b);
  const median = percentile(sorted, 0.5);
  const spread = ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / median;
  return { median, spread, runs };
}

/** The value below which `share` (0 to 1) of the sorted values lie. */
export function percentile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place - Math.floor(place));
}
