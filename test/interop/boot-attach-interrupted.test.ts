/**
 * `diskless boot --attach` is interrupted while it sets the block device up, with programs that hang in place of those of open-iscsi and
 * NBD: it ends soon, what was done is undone, and nothing of it runs on.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

/** Says its process id where the test hears it, and comes to no end. */
const hang = 'echo $$ > $HANGS; exec sleep 600';

/** A machine on whose search path a program stands in for each of those that are named; each writes down what it is asked. */
async function machineWith(t: TestContext, programs: Readonly<Record<string, string>>) {
  const folder = temporaryDirectory(t);
  const log = join(folder, 'log');
  writeFileSync(log, '');
  for (const [name, script] of Object.entries(programs)) {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> ${log}\n${script}\n`);
    chmodSync(path, 0o755);
  }
  const fifo = join(folder, 'hangs');
  execFileSync('mkfifo', [fifo]);
  const listener = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'ignore'] });
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, Buffer.alloc(1 << 20));
  const target = await TargetProgram.start(disk);
  return {
    folder,
    target,
    env: { ...process.env, HANGS: fifo, PATH: [folder, process.env.PATH ?? ''].join(delimiter) },
    args: ['boot', '--root-path', `iscsi:127.0.0.1::${target.port}::${PROGRAM_TARGET_NAME}`, '--attach'],
    asked: () => readFileSync(log, 'utf8').trim().split('\n'),
    /** Sends a signal to a boot when one of its programs hangs, and `before` is done; the boot ends, and that program with it. */
    async interrupt(boot: ChildProcess, signal: NodeJS.Signals, before: () => unknown = () => {}): Promise<void> {
      const ended = once(boot, 'close');
      const [pid] = await Promise.race([once(listener.stdout, 'data'), ended.then(() => assert.fail('it has ended'))]);
      await before();
      boot.kill(signal);
      assert.deepEqual(await ended, [130, null]);
      assert.equal(existsSync(`/proc/${String(pid).trim()}`), false, 'the program has gone too');
    },
    async [Symbol.asyncDispose]() {
      listener.kill();
      await target[Symbol.asyncDispose]();
    },
  };
}

for (const [what, signal, step, logout, complaint] of [
  [
    'the login of iscsiadm: what may come of it is said',
    'SIGTERM',
    '-l',
    21,
    /^diskless: iscsid was logging in .*\(ATTACH_LOGIN_LEFT\)/,
  ],
  ['the look for the block device: it is logged out of', 'SIGINT', '-P', 0, /^diskless: interrupted\n$/],
] as const) {
  test(`${signal} during ${what}, and no record is left`, { timeout: 45_000 }, async (t) => {
    const hanging = `[ "$each" = ${step} ] && { ${hang}; }`;
    const iscsiadm = `for each; do ${hanging}; [ "$each" = -u ] && exit ${logout}; done; exit 0`;
    await using machine = await machineWith(t, { modprobe: 'exit 1', iscsiadm });
    const { env, args } = machine;
    const boot = spawn(process.execPath, [launcher, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => boot.kill('SIGKILL'));
    const said = text(boot.stderr);
    await machine.interrupt(boot, signal);
    assert.match(await said, complaint);
    const record = `diskless-boot-${boot.pid}`;
    const node = `iscsiadm -m node -T ${PROGRAM_TARGET_NAME} -p ${machine.target.portal} -I ${record}`;
    assert.deepEqual(machine.asked().slice(-3), [
      `${node} -u`,
      `${node} -o delete`,
      `iscsiadm -m iface -I ${record} -o delete`,
    ]);
  });
}

for (const { when, isAway } of [
  { when: '', isAway: false },
  { when: ', and its target is away', isAway: true },
]) {
  test(`SIGINT while nbd-client sets a device up${when}: it ends, the device is given back, and no socket is left`, {
    timeout: 45_000,
  }, async (t) => {
    if (!requires(t, root, networkNamespaces)) return;
    // A kernel as it looks when nbd-client has just given it the device.
    const client = `[ "$1" = -d ] && exit 0; echo $$ > /sys/block/nbd0/pid; test -S "$2" || exit 1; ${hang}`;
    await using machine = await machineWith(t, { 'nbd-client': client });
    const kernel = [
      'mount -t tmpfs none /sys/module && mkdir /sys/module/nbd',
      'mount -t tmpfs none /sys/block && mkdir /sys/block/nbd0',
      'exec "$0" "$@"',
    ].join(' && ');
    const { env, args } = machine;
    const boot = spawn('unshare', ['--mount', 'sh', '-c', kernel, process.execPath, launcher, ...args], {
      env,
      stdio: 'ignore',
    });
    t.after(() => boot.kill('SIGKILL'));
    await machine.interrupt(boot, 'SIGINT', () => (isAway ? machine.target.stop('SIGKILL') : undefined));
    const socket = `/run/diskless-boot-${boot.pid}.sock`;
    assert.deepEqual(machine.asked(), [
      `nbd-client -unix ${socket} /dev/nbd0 -block-size 512`,
      'nbd-client -d /dev/nbd0',
    ]);
    assert.equal(existsSync(socket), false);
  });
}
