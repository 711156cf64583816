/** The machine of `--vm`: how QEMU is started, and in what order everything ends. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { handOverToVm, QEMU } from '../../src/boot/hand-over-vm.ts';
import { machineArguments } from '../../src/boot/machine-arguments.ts';

const disk = { blockSize: 512, physicalBlockSize: 4096, readOnly: false };

/** The values of every time that an option is given, in order. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, index) => args[index - 1] === option);
}

describe('QEMU’s arguments', () => {
  test('the disk is at the socket, with the blocks that it has', () => {
    const args = machineArguments(disk, '/run/a,b/disk.sock', []);
    const [drive = ''] = valuesOf(args, '-blockdev');
    assert.match(drive, /^driver=nbd,node-name=(\w+),/);
    assert.match(drive, /server\.path=\/run\/a,,b\/disk\.sock,read-only=off/);
    assert.match(valuesOf(args, '-device')[0] ?? '', /logical_block_size=512,physical_block_size=4096$/);
  });

  test('a disk that takes no writes is given as one', () => {
    assert.match(machineArguments({ ...disk, readOnly: true }, '/s', []).join(' '), /read-only=on/);
  });

  test('the user’s memory comes after ours, as QEMU takes the last', () => {
    assert.deepEqual(valuesOf(machineArguments(disk, '/s', ['-m', '4G']), '-m'), ['1G', '4G']);
  });

  test('without a word about accelerators there are two, and with one there is the user’s', () => {
    assert.deepEqual(valuesOf(machineArguments(disk, '/s', []), '-accel'), ['kvm', 'tcg']);
    for (const given of [['-accel', 'tcg'], ['--accel', 'xen'], ['-enable-kvm'], ['-machine', 'q35,accel=tcg']]) {
      const args = machineArguments(disk, '/s', given);
      assert.ok(!args.includes('kvm'), args.join(' '));
      assert.ok(given.every((each) => args.includes(each)));
    }
  });
});

/** A machine that runs until it is switched off, and what happened to it and around it. */
function stage() {
  const happened: string[] = [];
  const off = Promise.withResolvers<number>();
  const options = {
    disk,
    given: ['-nographic'],
    serve: async (socket: string) => {
      happened.push(`served at ${socket}`);
      return {
        place: { kind: 'local', path: socket } as const,
        uri: '',
        close: async () => void happened.push('served no more'),
      };
    },
    start: (program: string, args: readonly string[]) => {
      happened.push(`${program} ${args.includes('-nographic')}`);
      const end = async () => {
        happened.push('ended');
        off.resolve(143);
      };
      return { ended: off.promise, end };
    },
    makeDirectory: async () => ({
      path: '/tmp/x',
      [Symbol.asyncDispose]: async () => void happened.push('directory removed'),
    }),
  };
  return { happened, off, options };
}

describe('the hand-over', () => {
  test('first the socket, then the machine; at the end the other way round', async () => {
    const { happened, options } = stage();
    const machine = await handOverToVm(options);
    await machine.close();
    assert.equal(await machine.off, 143);
    const served = ['served at /tmp/x/disk.sock', `${QEMU} true`];
    assert.deepEqual(happened, [...served, 'ended', 'served no more', 'directory removed']);
  });

  test('a machine that is switched off by itself says how it ended', async () => {
    const { off, options } = stage();
    const machine = await handOverToVm(options);
    off.resolve(3);
    assert.equal(await machine.off, 3);
    await machine.close();
  });

  test('a socket that cannot be served starts no machine, and leaves no directory', async () => {
    const { happened, options } = stage();
    const serve = () => Promise.reject(new Error('no socket'));
    await assert.rejects(handOverToVm({ ...options, serve }), /no socket/);
    assert.deepEqual(happened, ['directory removed']);
  });
});
