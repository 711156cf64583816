/**
 * A reporter for node:test that writes what `scripts/test-run.ts` needs to know of a runner: one JSON line for the totals, and one for
 * each test that was skipped, with the reason it gave, or that failed.
 */
import type { TestEvent } from 'node:test/reporters';

export type OutcomeLine =
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly name: string; readonly file: string }
  | { readonly kind: 'totals'; readonly passed: number; readonly failed: number; readonly skipped: number };

export default async function* testOutcome(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    for (const line of outcomeOf(event)) yield `${JSON.stringify(line)}\n`;
  }
}

function outcomeOf(event: TestEvent): readonly OutcomeLine[] {
  switch (event.type) {
    case 'test:pass': {
      const { name, skip } = event.data;
      if (skip === undefined || skip === false) return [];
      return [{ kind: 'skipped', name, reason: skip === true ? '' : skip }];
    }
    case 'test:fail': {
      const { name, file = '', todo, details } = event.data;
      const allowed = todo !== undefined && todo !== false;
      return allowed || isFailureOfParts(details.error) ? [] : [{ kind: 'failed', name, file }];
    }
    // A runner that was told to end says what it was at: a file whose tests are all over, but which holds something that keeps it alive.
    case 'test:interrupted':
      return event.data.tests.map(({ name, file = '' }) => ({ kind: 'failed', name, file }));
    case 'test:summary': {
      // The runner gives one summary for each file and, last and without a file, one for all.
      if (event.data.file !== undefined) return [];
      const { tests, passed, skipped, todo } = event.data.counts;
      return [{ kind: 'totals', passed, failed: tests - passed - skipped - todo, skipped: skipped + todo }];
    }
    default:
      return [];
  }
}

/** Whether a test failed for no other reason than that one inside it did, which is reported by itself. */
function isFailureOfParts(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'subtestsFailed';
}
