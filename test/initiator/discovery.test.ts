import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { TextRequest, TextResponse } from '../../src/iscsi/pdu.ts';
import { acceptLogout, lun, portal, rig } from './support.ts';

const encoder = new TextEncoder();

test('SendTargets is gathered from several answers, and targets without an address are where they were asked for', async () => {
  const all = rig();
  const asking = all.initiator.discover(portal);
  const peer = await all.target.accept();
  const { keys } = await peer.logIn();
  assert.equal(keys.get('SessionType'), 'Discovery');
  assert.equal(keys.has('TargetName'), false);

  const request = await peer.next();
  const first = TextRequest.view(request.header);
  assert.equal(first.targetTransferTag, RESERVED_TAG);
  assert.equal(Buffer.concat(request.data).toString(), 'SendTargets=All\0');
  const text =
    'TargetName=iqn.2001-04.com.example:a\0TargetAddress=192.0.2.1:3260,1\0TargetAddress=[2001:db8::1]:3261,2\0' +
    'TargetName=iqn.2001-04.com.example:b_with_underscore\0';
  const { initiatorTaskTag } = first;
  const answer = { opcode: Opcode.textResponse, initiatorTaskTag };
  // Cut in the middle of a key.
  peer.send(
    TextResponse.encode({ ...answer, continue: true, targetTransferTag: 9, lun }),
    encoder.encode(text.slice(0, 50)),
  );
  const second = await peer.next();
  const more = TextRequest.view(second.header);
  // RFC 7143 §11.10.4
  assert.equal(more.targetTransferTag, 9);
  assert.deepEqual([...more.lun], [...lun]);
  assert.equal(more.initiatorTaskTag, initiatorTaskTag);
  assert.equal(second.dataLength, 0);
  peer.send(
    TextResponse.encode({ ...answer, final: true, targetTransferTag: RESERVED_TAG }),
    encoder.encode(text.slice(50)),
  );
  await acceptLogout(peer);
  assert.deepEqual(await asking, [
    {
      name: 'iqn.2001-04.com.example:a',
      addresses: [
        { host: '192.0.2.1', port: 3260, portalGroupTag: 1 },
        { host: '2001:db8::1', port: 3261, portalGroupTag: 2 },
      ],
    },
    { name: 'iqn.2001-04.com.example:b_with_underscore', addresses: [{ host: '192.0.2.1', port: 3260 }] },
  ]);
  assert.equal(all.clock.pending, 0);
});

test('an answer without end is bounded', async () => {
  const all = rig();
  const rejected = assert.rejects(all.initiator.discover(portal), { code: 'ISCSI_TEXT_TOO_LONG' });
  const peer = await all.target.accept();
  await peer.logIn();
  const flood = async () => {
    for (;;) {
      const { initiatorTaskTag, opcode } = TextRequest.view((await peer.next()).header);
      if (opcode === Opcode.logoutRequest) return peer.close();
      const header = TextResponse.encode({
        opcode: Opcode.textResponse,
        continue: true,
        targetTransferTag: 9,
        initiatorTaskTag,
      });
      peer.send(header, new Uint8Array(65_536).fill(65));
    }
  };
  await Promise.all([rejected, flood()]);
});

test('a target whose text never ends is given up', async () => {
  const { initiator, target } = rig();
  const asking = initiator.discover(portal);
  const failed = assert.rejects(asking, { code: 'ISCSI_TEXT_TOO_LONG' });
  const peer = await target.accept();
  await peer.logIn();
  for (;;) {
    const request = await peer.next();
    const { opcode, initiatorTaskTag } = TextRequest.view(request.header);
    if (opcode !== Opcode.textRequest) break;
    const header = { opcode: Opcode.textResponse, continue: true, initiatorTaskTag, targetTransferTag: 9 };
    peer.send(TextResponse.encode(header), new Uint8Array(0));
  }
  peer.close();
  await failed;
});
