#!/usr/bin/env node
// Starts the program with a Node that can run it. Plain JavaScript, so that an older Node gets far enough to say what is wrong.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const OLDEST_NODE = 24;
const inPackage = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const major = Number(process.versions.node.split('.')[0]);

// Threads for files. Four, as Node has them, are taken by one disk that stalls. It must be said before the first file is read.
process.env.UV_THREADPOOL_SIZE ??= '64';

if (major >= OLDEST_NODE) {
  if (process.channel) endWithLauncher();
  // V8's space for young objects stays as small as it begins: everybody waits while it is cleared, which takes the longer the more has
  // gathered there. It must be said before the program is loaded, as that makes it grow.
  setFlagsFromString('--semi-space-growth-factor=1');
  // A clone runs its sources; the published package brings them too, but only for reading.
  const source = inPackage('src/cli/main.ts');
  const compiled = inPackage('dist/cli/main.js');
  const inNodeModules = source.split(/[\\/]/).includes('node_modules');
  const entry = existsSync(source) && !inNodeModules ? source : compiled;
  const { main } = await import(new URL(`file://${entry}`).href);
  await main(process.argv.slice(2));
} else {
  const pinned = [inPackage('node_modules/node/bin/node'), inPackage('node_modules/.bin/node')].find(existsSync);
  if (pinned === undefined) {
    process.stderr.write(
      `diskless: needs Node ${OLDEST_NODE} or newer, this is ${process.version}. Install it, or run "npm ci" in a clone, which brings its own.\n`,
    );
    process.exit(1);
  }
  runWith(pinned);
}

/**
 * Runs this same launcher under another Node, as if it were this process. The child has a session of its own: a terminal's Ctrl-C
 * then reaches it once, from here, and not a second time as one of the terminal's own processes.
 */
function runWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

/** The child of a launcher that was killed must not stay behind with its ports. */
function endWithLauncher() {
  process.channel.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}
