/** Many machines that log in at once, and come back at once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import type { ScsiResult } from '../../src/initiator/scsi-request.ts';
import { encodeLun, Transfer10Cdb } from '../../src/scsi/index.ts';
import { serveTarget, TARGET } from './served-target.ts';

const MACHINES = 1000;
const BLOCK = 512;
const lun = encodeLun(0);
const machine = { name: 'machine', secret: Buffer.from('a secret of machines') };
const disk = { name: 'disk', secret: Buffer.from('a secret of the disk') };

test('a thousand sessions with mutual CHAP, all reinstated amid their writes: each old one ends, and what was acknowledged is there (RFC 7143 §6.3.5)', async () => {
  const device = new MemoryDevice(MACHINES * BLOCK);
  await using served = await serveTarget({ device, authentication: { initiators: [machine], target: disk } });
  const { network, clock, events, target } = served;
  const initiators = Array.from(
    { length: MACHINES },
    (_, index) =>
      new Initiator({
        network,
        clock,
        initiatorName: `iqn.2026-11.internal.test:machine-${index}`,
        isid: Uint8Array.of(0x80, 0, 0, 0, 0, 1),
        chap: { initiator: machine, target: disk },
      }),
  );
  const logIn = () =>
    Promise.all(initiators.map((initiator) => initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET)));
  const former = await logIn();
  const writes = former.map((session, index): Promise<ScsiResult | undefined> => {
    const cdb = Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress: index, transferLength: 1 });
    // One whose session ends first has no answer, and may have been done or not.
    return session.execute({ lun, cdb, write: [Buffer.alloc(BLOCK, 1 + (index % 255))] }).catch(() => undefined);
  });
  await Promise.race(writes);
  const sessions = await logIn();
  const answers = await Promise.all(writes);
  const answered = answers.filter((answer) => answer?.status === 0).length;
  assert.ok(answered > 0 && answered < MACHINES, `${answered} were answered before their session ended`);
  for (const [index, answer] of answers.entries()) {
    const [byte] = device.read(index * BLOCK, 1)[0] ?? [];
    if (answer?.status === 0) assert.equal(byte, 1 + (index % 255), `machine ${index}`);
  }
  const ended = events.flatMap((event) => (event.kind === 'session ended' ? event.reason : []));
  assert.deepEqual(ended, new Array(MACHINES).fill('reinstated'));
  assert.equal(target.sessions.size, MACHINES, 'no session of the former ones is left');
  await Promise.all([...former, ...sessions].map((session) => session.close()));
  assert.equal(target.sessions.size, 0);
});
