/** Which way the disk of a boot goes to the kernel, and what the programs are told, with a kernel and programs of the test's own. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnit } from '../../src/boot/attach-by-iscsi.ts';
import { type AttachOptions, handOverToKernel } from '../../src/boot/hand-over-attach.ts';
import { kernelWay, type ReachedDisk } from '../../src/boot/kernel-way.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const initiatorName = 'iqn.2001-04.com.example:client';

/** What a program does that comes to no end by itself. */
const hangs = Symbol('hangs');
const pid = 4711;

/**
 * A machine with these paths; `programs` says what each prints, or how it fails; those that it does not name are not installed. Each
 * device that is in use is `owner`'s.
 */
function machine(
  paths: readonly string[],
  programs: Readonly<Record<string, (args: readonly string[]) => string | Error | typeof hangs>>,
  owner = 1,
) {
  const calls: string[] = [];
  const present = new Set(paths);
  const clock = new SimulatedClock();
  const abort = new AbortController();
  let serving = 0;
  const options: AttachOptions = {
    clock,
    signal: abort.signal,
    blockSize: 512,
    socket: '/run/disk.sock',
    record: 'boot-7',
    kernelWay: { kind: 'open', disk: { initiatorName, address: '192.0.2.1', port: 3260, targetName, lun: 1 } },
    files: {
      ...nodeFileSystem,
      status: (path) =>
        present.has(path) ? { size: 0, allocated: 0, modified: 0n, mode: 0o644, kind: 'directory' } : undefined,
      readFile: async () => new TextEncoder().encode(`${owner}\n`),
    },
    async run(program, args, { output, signal, started }) {
      const act = programs[program];
      if (act === undefined) throw new DisklessError('PROCESS_NOT_FOUND', `cannot run ${program}`);
      const killed = new DisklessError('PROCESS_ABORTED', `${program} was ended`);
      if (signal?.aborted) throw killed;
      calls.push([program, ...args].join(' '));
      started?.(pid);
      const result = act(args);
      if (result instanceof Error) throw result;
      if (result === hangs) {
        await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
        throw killed;
      }
      output?.(result);
    },
    async serve(path) {
      serving += 1;
      return {
        place: { kind: 'local', path },
        uri: '',
        async close() {
          serving -= 1;
        },
      };
    },
  };
  return { options, calls, clock, abort, serving: () => serving, present };
}

const well = () => '';
const failed = (why: string) => () => new DisklessError('PROCESS_FAILED', why);
const kernelNbd = ['/sys/module/nbd', '/sys/block/nbd0', '/sys/block/nbd0/pid', '/sys/block/nbd1', '/sys/block/nbd2'];

const report = `iSCSI Transport Class version 2.0-870
version 2.1.8
Target: iqn.2001-04.com.example:disk2 (non-flash)
\t\tscsi1 Channel 00 Id 0 Lun: 1
\t\t\tAttached scsi disk sda\t\tState: running
Target: ${targetName} (non-flash)
\t\tscsi2 Channel 00 Id 0 Lun: 0
\t\tscsi2 Channel 00 Id 0 Lun: 1
\t\t\tAttached scsi disk sdb\t\tState: running
\t\tscsi2 Channel 00 Id 0 Lun: 11
\t\t\tAttached scsi disk sdc\t\tState: running
`;

test('a kernel with an NBD client gets the first device that is free, and gives it back flushed', async () => {
  const { options, calls, serving } = machine(kernelNbd, { 'nbd-client': well, blockdev: well });
  const { blockDevice, detach } = await handOverToKernel(options);
  assert.equal(blockDevice, '/dev/nbd1');
  assert.deepEqual(calls.splice(0), ['nbd-client -unix /run/disk.sock /dev/nbd1 -block-size 512']);
  assert.equal(serving(), 1);
  await detach();
  assert.deepEqual(calls, ['blockdev --flushbufs /dev/nbd1', 'nbd-client -d /dev/nbd1']);
  assert.equal(serving(), 0);
});

test('a device that cannot be flushed is taken away all the same, and the failure told', async () => {
  const { options, calls, serving } = machine(kernelNbd, { 'nbd-client': well, blockdev: failed('I/O error') });
  const { detach } = await handOverToKernel(options);
  await assert.rejects(detach(), { code: 'PROCESS_FAILED', message: /I\/O error/ });
  assert.equal(calls.at(-1), 'nbd-client -d /dev/nbd1');
  assert.equal(serving(), 0);
});

test('a device that somebody else takes at that moment is passed over', async () => {
  const { options } = machine(kernelNbd, {
    'nbd-client': (args) => (args.includes('/dev/nbd1') ? failed('busy')() : ''),
  });
  assert.equal((await handOverToKernel(options)).blockDevice, '/dev/nbd2');
});

test('what nbd-client fails with is told, and nothing is served any more', async () => {
  const { options, serving } = machine(kernelNbd, { 'nbd-client': failed('Permission denied') });
  await assert.rejects(handOverToKernel(options), { code: 'PROCESS_FAILED', message: /Permission denied/ });
  assert.equal(serving(), 0);
  const full = machine(kernelNbd.slice(0, 3), { 'nbd-client': well });
  await assert.rejects(handOverToKernel(full.options), { code: 'ATTACH_NO_DEVICE' });
  assert.equal(full.serving(), 0);
});

test('the module is loaded when it is there', async () => {
  const { options, present } = machine([], {
    modprobe: () => {
      for (const path of kernelNbd) present.add(path);
      return '';
    },
    'nbd-client': well,
  });
  assert.equal((await handOverToKernel(options)).blockDevice, '/dev/nbd1');
});

test('otherwise the kernel’s initiator logs in under the name of the boot, and out again', async () => {
  const { options, calls } = machine([], {
    modprobe: failed('not found'),
    iscsiadm: (args) => (args.includes('session') ? report : ''),
  });
  const { blockDevice, detach } = await handOverToKernel(options);
  assert.equal(blockDevice, '/dev/sdb');
  await detach();
  const iface = 'iscsiadm -m iface -I boot-7';
  const node = `iscsiadm -m node -T ${targetName} -p 192.0.2.1:3260 -I boot-7`;
  assert.deepEqual(calls.slice(1), [
    `${iface} -o new`,
    `${iface} -o update -n iface.initiatorname -v ${initiatorName}`,
    `${node} -o new`,
    `${node} -o update -n node.session.initial_login_retry_max -v 1`,
    `${node} -l`,
    'iscsiadm -m session -P 3',
    `${node} -u`,
    `${node} -o delete`,
    `${iface} -o delete`,
  ]);
});

test('a kernel that does not find the unit in time is logged out again', async () => {
  const { options, calls, clock } = machine([], { iscsiadm: well });
  const attaching = assert.rejects(handOverToKernel(options), { code: 'ATTACH_NO_DEVICE' });
  await clock.pass(20_000);
  await attaching;
  assert.match(calls.at(-1) ?? '', /-o delete$/);
  assert.equal(clock.pending, 0);
});

const interruption = new DisklessError('INTERRUPTED', 'it was interrupted');

for (const [whose, owner, undone] of [
  ['was set up by it is given back', pid, ['nbd-client -d /dev/nbd1']],
  ['somebody else has set up meanwhile is left alone', 1, []],
] as const) {
  test(`a signal ends an nbd-client that hangs, and what is served; a device that ${whose}`, async () => {
    const all = machine(
      kernelNbd,
      {
        'nbd-client': (args) => {
          all.present.add('/sys/block/nbd1/pid');
          return args.includes('-d') ? '' : hangs;
        },
      },
      owner,
    );
    const attaching = assert.rejects(handOverToKernel(all.options), interruption);
    await settled();
    assert.equal(all.calls.length, 1);
    all.abort.abort(interruption);
    await attaching;
    assert.deepEqual(all.calls.slice(1), undone);
    assert.equal(all.serving(), 0);
  });
}

test('a signal ends a modprobe that hangs, and no other way is tried', async () => {
  const { options, calls, abort } = machine([], { modprobe: () => hangs, iscsiadm: well });
  const attaching = assert.rejects(handOverToKernel(options), interruption);
  await settled();
  abort.abort(interruption);
  await attaching;
  assert.deepEqual(calls, ['modprobe nbd']);
});

test('a signal while the kernel looks for the unit ends that at once, and logs out', async () => {
  const { options, calls, clock, abort } = machine([], { iscsiadm: well });
  const attaching = assert.rejects(handOverToKernel(options), interruption);
  await clock.pass(600);
  abort.abort(interruption);
  await attaching;
  assert.deepEqual(
    calls.slice(-3).map((call) => call.slice(call.indexOf('boot-7'))),
    ['boot-7 -u', 'boot-7 -o delete', 'boot-7 -o delete'],
  );
  assert.equal(clock.pending, 0);
});

for (const [what, logout, outcome] of [
  ['can be logged out of', '', interruption],
  ['is told of where it cannot', new DisklessError('PROCESS_FAILED', 'no session'), { code: 'ATTACH_LOGIN_LEFT' }],
] as const)
  test(`a login that nobody wants any more gets a moment to end, so that it ${what}`, async () => {
    const { options, calls, clock, abort } = machine([], {
      iscsiadm: (args) => (args.includes('-l') ? hangs : args.includes('-u') ? logout : ''),
    });
    const attaching = assert.rejects(handOverToKernel(options), outcome);
    await settled();
    abort.abort(interruption);
    await clock.pass(4_999);
    assert.match(calls.at(-1) ?? '', /-l$/);
    await clock.pass(1);
    await attaching;
    assert.deepEqual(
      calls.slice(-3).map((call) => call.slice(call.indexOf('boot-7'))),
      ['boot-7 -u', 'boot-7 -o delete', 'boot-7 -o delete'],
    );
    assert.equal(clock.pending, 0);
  });

test('where there is no way, all that is missing is said', async () => {
  const nothing = machine([], {});
  await assert.rejects(handOverToKernel(nothing.options), {
    code: 'ATTACH_UNAVAILABLE',
    message: /this kernel has no NBD client, and iscsiadm is not installed$/,
  });
  const secret = machine(kernelNbd, { iscsiadm: well });
  const closed = { kind: 'closed', reason: 'the way is closed' } as const;
  await assert.rejects(handOverToKernel({ ...secret.options, kernelWay: closed }), {
    code: 'ATTACH_UNAVAILABLE',
    message: /nbd-client is not installed, and the way is closed$/,
  });
  assert.deepEqual(secret.calls, []);
  assert.equal(secret.serving(), 0);
});

test('units are told apart by target and number', () => {
  assert.equal(findUnit(report, { targetName, lun: 11 }), '/dev/sdc');
  assert.equal(findUnit(report, { targetName, lun: 0 }), undefined);
  assert.equal(findUnit(report, { targetName: 'iqn.2001-04.com.example:dis', lun: 1 }), undefined);
  assert.equal(findUnit('', { targetName, lun: 1 }), undefined);
});

test('the kernel’s initiator is not sent where it would need a secret, or might be sent on to a server that is not authorised', () => {
  const disk = { initiatorName, address: '192.0.2.1', port: 3260, targetName };
  const reached = { ...disk, lun: encodeLun(1), chap: undefined, confined: false };
  assert.deepEqual(kernelWay(reached), { kind: 'open', disk: { ...disk, lun: 1 } });
  const reasonOf = (changed: Partial<ReachedDisk>) => {
    const way = kernelWay({ ...reached, ...changed });
    return way.kind === 'closed' ? way.reason : undefined;
  };
  assert.match(reasonOf({ confined: true }) ?? '', /follows redirections to servers that are not authorised$/);
  const chap = { initiator: { name: 'me', secret: new Uint8Array(16) } };
  assert.match(reasonOf({ chap }) ?? '', /would need the CHAP secret$/);
  assert.match(reasonOf({ lun: Uint8Array.of(0, 1, 0, 2, 0, 0, 0, 0) }) ?? '', /has no number for LUN 1-2$/);
});
