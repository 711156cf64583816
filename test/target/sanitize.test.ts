import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { decodeSanitize } from '../../src/scsi/sanitize.ts';
import { MediumChanges } from '../../src/target/medium-changes.ts';
import type { Outcome } from '../../src/target/outcome.ts';
import { Sanitizer } from '../../src/target/sanitize.ts';

const [OVERWRITE, BLOCK_ERASE, CRYPTO_ERASE, EXIT_FAILURE_MODE] = [0x01, 0x02, 0x03, 0x1f];
const IMMED = 0x80;
const AUSE = 0x20;

function cdb(byte1: number, parameterListLength = 0): Buffer {
  const result = Buffer.alloc(16);
  result.writeUInt8(0x48, 0);
  result.writeUInt8(byte1, 1);
  result.writeUInt16BE(parameterListLength, 7);
  return result;
}

function overwrite(pattern: Uint8Array, flags = 1): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt8(flags, 0);
  header.writeUInt16BE(pattern.length, 2);
  return Buffer.concat([header, pattern]);
}

function answer(outcome: Outcome): string {
  if (outcome.status === 0) return 'good';
  const { key = 0, code = 0 } = outcome.sense ?? {};
  return `${key.toString(16).padStart(2, '0')}/${code.toString(16).padStart(4, '0')}`;
}

const filled = (size = 16 * 512): MemoryDevice => new MemoryDevice(Buffer.alloc(size, 'a'));
const content = (device: MemoryDevice): Buffer => Buffer.concat(device.read(0, device.size));
const none = new Uint8Array(0);
const still = async (): Promise<void> => undefined;
const run = async (sanitizer: Sanitizer, byte1: number, list: Uint8Array = none): Promise<string> =>
  answer(await sanitizer.sanitize(cdb(byte1, list.length), list, still));

/** A sanitizer that waits after each piece until it is told to go on. */
function held(device: MemoryDevice) {
  const pieces: PromiseWithResolvers<void>[] = [];
  const reached = Promise.withResolvers<void>();
  const sanitizer = new Sanitizer(new MediumChanges(device), () => {
    const piece = Promise.withResolvers<void>();
    pieces.push(piece);
    reached.resolve();
    return piece.promise;
  });
  return { sanitizer, reached: reached.promise, goOn: () => pieces.shift()?.resolve() };
}

describe('what is refused', () => {
  const cases: [string, Buffer, Uint8Array, string][] = [
    ['a reserved bit in byte 1', cdb(BLOCK_ERASE | 0x40), none, '05/2400'],
    ['BLOCK ERASE with parameters', cdb(BLOCK_ERASE, 8), new Uint8Array(8), '05/2400'],
    ['CRYPTOGRAPHIC ERASE with parameters', cdb(CRYPTO_ERASE, 8), new Uint8Array(8), '05/2400'],
    ['EXIT FAILURE MODE with parameters', cdb(EXIT_FAILURE_MODE, 8), new Uint8Array(8), '05/2400'],
    ['OVERWRITE without a pattern', cdb(OVERWRITE, 4), overwrite(none), '05/2400'],
    ['OVERWRITE with more than a block', cdb(OVERWRITE, 517), overwrite(new Uint8Array(513)), '05/2400'],
    ['OVERWRITE COUNT 0', cdb(OVERWRITE, 516), overwrite(new Uint8Array(512), 0), '05/2600'],
    ['a TEST that we do not know', cdb(OVERWRITE, 516), overwrite(new Uint8Array(512), 0x21), '05/2600'],
    [
      'a pattern length of 0',
      cdb(OVERWRITE, 516),
      Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.alloc(512)]),
      '05/2600',
    ],
    ['a pattern longer than the list', cdb(OVERWRITE, 8), Buffer.from([1, 0, 0, 8, 0, 0, 0, 0]), '05/2600'],
  ];
  for (const [what, command, list, expected] of cases) {
    test(`${what}: ${expected}`, async () => {
      const device = filled();
      assert.equal(answer(await new Sanitizer(new MediumChanges(device)).sanitize(command, list, still)), expected);
      assert.deepEqual(content(device), Buffer.alloc(device.size, 'a'));
    });
  }

  test('reserved bytes of the CDB, and service actions that do not exist', async () => {
    for (let byte = 2; byte < 7; byte++) {
      const command = cdb(BLOCK_ERASE);
      command.writeUInt8(byte, byte);
      assert.equal(answer(await new Sanitizer(new MediumChanges(filled())).sanitize(command, none, still)), '05/2400');
    }
    for (let action = 0; action < 32; action++) {
      if ([OVERWRITE, BLOCK_ERASE, CRYPTO_ERASE, EXIT_FAILURE_MODE].includes(action)) continue;
      assert.equal(await run(new Sanitizer(new MediumChanges(filled())), action), '05/2400', `${action}`);
    }
  });

  test('arbitrary bytes never raise anything', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.uint8Array({ maxLength: 600 }), (command, list) => void decodeSanitize(command, list, 512)),
    );
  });
});

describe('what is written', () => {
  test('OVERWRITE: the pattern from the start of each block', async () => {
    for (const length of [1, 4, 100, 256, 512]) {
      const device = filled();
      const pattern = Buffer.from(Uint8Array.from({ length }, (_, at) => at + 1));
      assert.equal(await run(new Sanitizer(new MediumChanges(device)), OVERWRITE, overwrite(pattern)), 'good');
      const block = Buffer.alloc(512, pattern);
      assert.deepEqual(content(device), Buffer.alloc(device.size, block));
    }
  });

  test('OVERWRITE: INVERT complements every second pass', async () => {
    for (const [passes, last] of [
      [1, 0x0f],
      [2, 0xf0],
      [3, 0x0f],
    ] as const) {
      const device = filled();
      assert.equal(
        await run(new Sanitizer(new MediumChanges(device)), OVERWRITE, overwrite(Buffer.from([0x0f]), 0x80 | passes)),
        'good',
      );
      assert.deepEqual(content(device), Buffer.alloc(device.size, last));
    }
  });

  test('more than one piece, to the last block', async () => {
    const device = filled((9 << 20) + 512);
    assert.equal(
      await run(new Sanitizer(new MediumChanges(device)), OVERWRITE, overwrite(Buffer.from([0x55, 0xaa]))),
      'good',
    );
    assert.ok(content(device).equals(Buffer.alloc(device.size, Buffer.from([0x55, 0xaa]))));
  });

  test('both erases leave zeros, and flush', async () => {
    for (const action of [BLOCK_ERASE, CRYPTO_ERASE]) {
      const device = filled();
      let flushed = false;
      device.flush = () => {
        flushed = content(device).every((byte) => byte === 0);
      };
      assert.equal(await run(new Sanitizer(new MediumChanges(device)), action), 'good');
      assert.equal(flushed, true);
    }
  });
});

describe('while it runs', () => {
  test('other commands learn of it, some are answered, and IMMED answers at once', async () => {
    const { sanitizer, reached, goOn } = held(filled(8 << 20));
    assert.equal(sanitizer.refusal('read16'), undefined);
    assert.equal(await run(sanitizer, OVERWRITE | IMMED, overwrite(Buffer.from([1]))), 'good');
    await reached;
    assert.deepEqual(sanitizer.state, { kind: 'running', progress: 0x7fff });
    for (const name of ['read16', 'testUnitReady', 'startStopUnit', 'sanitizeOverwrite', 'write10']) {
      assert.equal(answer(sanitizer.refusal(name) ?? { status: 0 }), '02/041b', name);
    }
    for (const name of ['inquiry', 'requestSense', 'reportLuns']) assert.equal(sanitizer.refusal(name), undefined);
    assert.equal(await run(sanitizer, BLOCK_ERASE), '02/041b');
    goOn();
    goOn();
    const closing = sanitizer.close();
    goOn();
    await closing;
  });

  test('without IMMED it is answered when all is done', { timeout: 10_000 }, async () => {
    const { sanitizer, reached, goOn } = held(filled());
    let answered = false;
    const running = run(sanitizer, BLOCK_ERASE).then((outcome) => {
      answered = true;
      return outcome;
    });
    await reached;
    assert.equal(answered, false);
    goOn();
    assert.equal(await running, 'good');
    assert.deepEqual(sanitizer.state, { kind: 'idle' });
  });
});

describe('after it has failed', () => {
  function failing() {
    const device = filled();
    let fails = true;
    const unmap = device.unmap.bind(device);
    device.unmap = (offset, length) => {
      if (fails) throw new Error('no');
      unmap(offset, length);
    };
    const mend = (): void => {
      fails = false;
    };
    return { sanitizer: new Sanitizer(new MediumChanges(device)), mend };
  }

  test('commands fail until EXIT FAILURE MODE, where AUSE allows it', async () => {
    const { sanitizer } = failing();
    assert.equal(await run(sanitizer, BLOCK_ERASE | AUSE), '03/3103');
    assert.equal(answer(sanitizer.refusal('read10') ?? { status: 0 }), '03/3103');
    assert.equal(sanitizer.refusal('inquiry'), undefined);
    assert.equal(sanitizer.refusal('sanitizeExitFailureMode'), undefined);
    assert.equal(await run(sanitizer, EXIT_FAILURE_MODE), 'good');
    assert.equal(sanitizer.refusal('read10'), undefined);
  });

  test('without AUSE only a SANITIZE that succeeds leads out', async () => {
    const { sanitizer, mend } = failing();
    assert.equal(await run(sanitizer, BLOCK_ERASE), '03/3103');
    assert.equal(await run(sanitizer, EXIT_FAILURE_MODE), '05/2400');
    assert.equal(answer(sanitizer.refusal('read10') ?? { status: 0 }), '03/3103');
    mend();
    assert.equal(await run(sanitizer, BLOCK_ERASE), 'good');
    assert.equal(sanitizer.refusal('read10'), undefined);
  });

  test('EXIT FAILURE MODE without a failure is GOOD', async () => {
    assert.equal(await run(new Sanitizer(new MediumChanges(filled())), EXIT_FAILURE_MODE), 'good');
  });
});
