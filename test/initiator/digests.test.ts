/** Digests at the initiator: on everything it sends, and a damaged PDU ends the session (RFC 7143 §7.8, §13.1). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Session } from '../../src/initiator/session.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { DataIn, ReadyToTransfer, ScsiCommand, ScsiResponse } from '../../src/iscsi/pdu.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { lun, openSession, pattern, respond, rig } from './support.ts';

const read = { lun, cdb: Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), readLength: 512 };
const write = { lun, cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0), write: [pattern(4095)] };

/** A session that both sides have agreed on digests for. */
async function withDigests(
  headerDigest: boolean,
  dataDigest: boolean,
): Promise<{ session: Session; peer: ScriptedPeer }> {
  const all = rig({}, { wishes: { headerDigest: ['CRC32C', 'None'], dataDigest: ['CRC32C', 'None'] } });
  const value = (isOn: boolean) => (isOn ? 'CRC32C' : 'None');
  const opened = await openSession(all, {
    HeaderDigest: value(headerDigest),
    DataDigest: value(dataDigest),
    InitialR2T: 'Yes',
  });
  opened.peer.useDigests({ headerDigest, dataDigest });
  return opened;
}

for (const headerDigest of [false, true]) {
  for (const dataDigest of [false, true]) {
    test(`HeaderDigest=${headerDigest} DataDigest=${dataDigest}: all that is sent has what was agreed on`, async () => {
      const { session, peer } = await withDigests(headerDigest, dataDigest);
      const writing = session.execute(write);
      const command = await peer.next();
      const { initiatorTaskTag } = ScsiCommand.view(command.header);
      const rest = 4095 - command.dataLength;
      if (rest > 0) {
        const r2t = { opcode: Opcode.readyToTransfer, final: true, lun, initiatorTaskTag, targetTransferTag: 3 };
        const range = { bufferOffset: command.dataLength, desiredDataTransferLength: rest };
        peer.send(ReadyToTransfer.encode({ ...r2t, ...range }), undefined, false);
        assert.equal((await peer.next()).dataLength, rest);
      }
      respond(peer, command);
      assert.equal((await writing).status, 0);
      const reading = session.execute(read);
      const tag = ScsiCommand.view((await peer.next()).header).initiatorTaskTag;
      const header = { opcode: Opcode.dataIn, final: true, hasStatus: true, targetTransferTag: RESERVED_TAG };
      peer.send(DataIn.encode({ ...header, initiatorTaskTag: tag }), pattern(509));
      assert.deepEqual(Buffer.concat((await reading).data), Buffer.from(pattern(509)));
    });
  }
}

describe('what is damaged on the way ends the session, and nothing of it is used (RFC 7143 §7.8)', () => {
  const dataIn = (initiatorTaskTag: number) =>
    DataIn.encode({
      opcode: Opcode.dataIn,
      final: true,
      hasStatus: true,
      initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
    });
  const response = (initiatorTaskTag: number) =>
    ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, status: 2, initiatorTaskTag });
  for (const [what, part, code, header] of [
    ['the header of Data-In', 'header', 'ISCSI_HEADER_DIGEST', dataIn],
    ['the data of Data-In', 'data', 'ISCSI_DATA_DIGEST', dataIn],
    ['the header of a response', 'header', 'ISCSI_HEADER_DIGEST', response],
    ['the sense data of a response', 'data', 'ISCSI_DATA_DIGEST', response],
  ] as const) {
    test(what, async () => {
      const { session, peer } = await withDigests(true, true);
      const reading = assert.rejects(session.execute(read), { code });
      const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
      peer.sendDamaged(part, header(initiatorTaskTag), pattern(512));
      await reading;
      await session.closed;
    });
  }
});
