/** An NBD server of another make at a socket of the file system, for as long as a test runs. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** Resolves when the socket takes connections, which is a moment after its file is there. */
export async function startNbdServer(
  t: TestContext,
  program: string,
  args: readonly string[],
  socket: string,
): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });
  while (!isListening(socket)) {
    assert.equal(child.exitCode, null, `${program} has ended`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether the kernel's list of local sockets has the path with __SO_ACCEPTCON, the fourth field. */
function isListening(socket: string): boolean {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return lines.some((line) => line.endsWith(` ${socket}`) && line.split(' ')[3] === '00010000');
}
