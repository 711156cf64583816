/** A directory for one test, removed after it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** `before` runs first, such as to unmount what was mounted inside. */
export function temporaryDirectory(t: TestContext, before: () => void = () => {}): string {
  const path = mkdtempSync(join(tmpdir(), 'diskless-test-'));
  t.after(() => {
    before();
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}
