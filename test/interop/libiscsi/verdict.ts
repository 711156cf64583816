/**
 * What one run of `iscsi-test-cu -V -t ALL.Suite.Test` really showed. The program calls a test that a target cannot do "passed", so
 * its own verdict means little: what it printed on the way decides.
 */

export type Verdict =
  | { readonly kind: 'pass' }
  /** The test did not try what it is about; `silent` when the program did not say so. */
  | { readonly kind: 'skip'; readonly reason: string; readonly silent: boolean }
  | { readonly kind: 'fail'; readonly reason: string };

/**
 * Tests that return early without a word where a unit lacks what they need, and what they print when they do run. Any other test that
 * returns early prints "[SKIPPED]", or nothing at all.
 */
const proofOfRun = new Map<string, string>([
  ['ModeSense6.Control-SWP', 'Turn SWP ON'],
  ['ModeSense6.Control-D_SENSE', 'verify that sense format'],
]);

/** Tests that print what is wrong and return without asserting it. Others print "[FAILED]" on the way for what they then allow. */
const complaining: ReadonlySet<string> = new Set(['PrinReadKeys.Simple']);

/**
 * `test` is `Suite.Test`; `output` is standard output and standard error of its process; `says` is what it must have printed to
 * have met the unit that it was meant to meet.
 */
export function readVerdict(test: string, output: string, says?: string): Verdict {
  const started = /^ {2}Test: .*? \.\.\./m.exec(output);
  if (started === null) return { kind: 'fail', reason: `the test did not start: ${lastLine(output)}` };
  const run = output.slice(started.index + started[0].length);
  // The verdict stands at the start of a line, or right behind "..." when the test printed nothing.
  const end = /^(passed|FAILED)/m.exec(run);
  if (end === null) return { kind: 'fail', reason: `the test did not end: ${lastLine(run)}` };
  const body = run.slice(0, end.index);
  if (end[1] === 'FAILED') return { kind: 'fail', reason: failure(body, run.slice(end.index)) };
  const skipped = /\[SKIPPED\] *(.*)/.exec(body);
  if (skipped !== null) return { kind: 'skip', reason: skipped[1] ?? '', silent: false };
  const complaint = complaining.has(test) ? /\[FAILED\] *(.*)/.exec(body) : null;
  if (complaint !== null) return { kind: 'fail', reason: complaint[1] ?? '' };
  const proof = proofOfRun.get(test);
  if (body.trim() === '' || (proof !== undefined && !body.includes(proof))) {
    return { kind: 'skip', reason: 'it returned without having tried anything', silent: true };
  }
  if (says !== undefined && !body.includes(says)) {
    return { kind: 'fail', reason: `it met another kind of unit: it does not say "${says}"` };
  }
  return { kind: 'pass' };
}

/** The program's own complaint with the first assertion that failed. */
function failure(body: string, rest: string): string {
  const complaint = /\[FAILED\] *(.*)/.exec(body)?.[1]?.trim();
  const assertion = /^ +1\. (\S+ +- .*)/m
    .exec(rest)?.[1]
    ?.replace(/ +Send PRIN.*/, '')
    .replace(/ +/g, ' ')
    .trim();
  return [complaint, assertion].filter((part) => part !== undefined && part !== '').join('; ') || lastLine(body);
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? '';
}
