/**
 * A reporter for node:test that writes what `scripts/test.ts` needs for its summary: one JSON line for the totals of a run, and one
 * for each test that was skipped, with the reason it gave.
 */
import type { TestEvent } from 'node:test/reporters';

export type OutcomeLine =
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: string }
  | { readonly kind: 'totals'; readonly passed: number; readonly failed: number; readonly skipped: number };

export default async function* testOutcome(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = outcomeOf(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

function outcomeOf(event: TestEvent): OutcomeLine | undefined {
  if (event.type === 'test:pass' && event.data.skip !== undefined && event.data.skip !== false) {
    return { kind: 'skipped', name: event.data.name, reason: event.data.skip === true ? '' : event.data.skip };
  }
  // The runner gives one summary for each file and, last and without a file, one for all.
  if (event.type === 'test:summary' && event.data.file === undefined) {
    const { tests, passed, skipped, todo } = event.data.counts;
    return { kind: 'totals', passed, failed: tests - passed - skipped - todo, skipped: skipped + todo };
  }
  return undefined;
}
