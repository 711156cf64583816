/** What a machine is told, or given, on which the pinned Node does not start. Programs are put in its place on the search path. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'with-node.sh');
const loaderComplaint = 'echo "libatomic.so.1: cannot open shared object file" >&2; exit 127';

/** `programs` are all that there is, by name. */
function withNode(t: TestContext, programs: Record<string, string>) {
  const folder = temporaryDirectory(t);
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  const env = { PATH: folder, FOLDER: folder };
  return spawnSync('/bin/sh', [script, '--version'], { env, encoding: 'utf8', timeout: 10_000 });
}

test('who is not root is told which package the pinned Node needs', (t) => {
  const { status, stderr } = withNode(t, { node: loaderComplaint, id: 'echo 1000', 'apt-get': 'exit 0' });
  assert.equal(status, 1);
  assert.match(stderr, /does not start here:\n.*libatomic\.so\.1.*\n.*apt-get install libatomic1\n$/);
});

test('root is given the package', (t) => {
  const node = `[ -e "$FOLDER/installed" ] || { ${loaderComplaint}; }; echo v26`;
  const install = 'case "$*" in *install*libatomic1) : > "$FOLDER/installed";; esac';
  const { status, stdout } = withNode(t, { node, id: 'echo 0', 'apt-get': install });
  assert.equal(status, 0);
  assert.match(stdout, /^Installing libatomic1, which Node needs \.\.\.\nv26\n$/);
});

test('a Node that starts is asked at once', (t) => {
  const { status, stdout } = withNode(t, { node: 'echo v26', id: 'exit 9', 'apt-get': 'exit 9' });
  assert.deepEqual([status, stdout], [0, 'v26\n']);
});
