/** When to say it again (RFC 2131 §4.1, §4.4.5). All times in milliseconds. */

const firstDelay = 4000;
const longestDelay = 64_000;
const spread = 1000;
const shortestRenewalDelay = 60_000;

/** Exponential backoff, each step randomised by a second either way. `attempt` counts from 0; `random` gives [0, 1). */
export function retransmissionDelay(attempt: number, random: () => number): number {
  const base = Math.min(firstDelay * 2 ** attempt, longestDelay);
  return base - spread + Math.floor(random() * 2 * spread);
}

/** Half of what is left until the next state, but not less than a minute unless less is left. */
export function renewalDelay(remaining: number): number {
  return Math.min(remaining, Math.max(remaining / 2, shortestRenewalDelay));
}
