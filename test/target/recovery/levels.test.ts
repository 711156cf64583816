/** Each ErrorRecoveryLevel has all that is below it, and nothing of what is above (RFC 7143 §7.1.5). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataIn,
  LogoutReason,
  LogoutResponse,
  LogoutResponseCode,
  ScsiResponse,
  SnackType,
} from '../../../src/iscsi/pdu.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, read, testUnitReady } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

/** Asks again for what was not acknowledged: the opcode of what comes. */
async function again(raw: RawInitiator, snack: Parameters<RawInitiator['snack']>[0]): Promise<number> {
  raw.snack(snack);
  const pdu = (await raw.next()) ?? assert.fail('the connection ended');
  return BasicHeader.view(pdu.header).opcode;
}

for (const [level, sendsAgain, takesOver] of [
  [0, false, false],
  [1, true, false],
  [2, true, true],
] as const) {
  test(`ErrorRecoveryLevel ${level}: what it has of recovery within a connection, and of recovery by another one`, async () => {
    await using served = await serveTarget();
    const raw = await served.login({ ErrorRecoveryLevel: String(level) });
    const { expStatSN } = raw;
    const tag = raw.command(read(1), { length: BLOCK });
    const { header } = await raw.expect(Opcode.dataIn);
    assert.ok(DataIn.view(header).hasStatus);
    raw.command(testUnitReady);
    assert.equal(ScsiResponse.view((await raw.expect(Opcode.scsiResponse)).header).statSN, expStatSN + 1);
    raw.expStatSN = expStatSN;

    const data = { type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 };
    assert.equal(await again(raw, data), sendsAgain ? Opcode.dataIn : Opcode.reject);
    const status = { type: SnackType.status, initiatorTaskTag: RESERVED_TAG, begRun: expStatSN + 1, runLength: 1 };
    assert.equal(await again(raw, status), sendsAgain ? Opcode.scsiResponse : Opcode.reject);

    raw.logout(LogoutReason.removeConnectionForRecovery);
    const { response } = LogoutResponse.view((await raw.expect(Opcode.logoutResponse)).header);
    assert.equal(response, takesOver ? LogoutResponseCode.closed : LogoutResponseCode.recoveryNotSupported);
  });
}
