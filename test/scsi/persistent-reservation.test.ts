import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { commandNames } from '../../src/scsi/command-table.ts';
import { ReservationType } from '../../src/scsi/persistent-reservation.ts';
import {
  encodeFullStatus,
  encodeKeys,
  encodeReservation,
  encodeReservationCapabilities,
} from '../../src/scsi/persistent-reserve-in.ts';
import { decodeReserveOut, PersistentReserveOutAction } from '../../src/scsi/persistent-reserve-out.ts';
import { reservationAccess, settledReservationAccess } from '../../src/scsi/reservation-access.ts';
import { decodeTransportId, encodeTransportId } from '../../src/scsi/transport-id.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
const zeros = (count: number): string => '00'.repeat(count);
const port = { initiatorName: 'iqn.2026-11.org.example:a', isid: '00023d000001' };

const portTransportId = hex(`
  45 00 002c                                          # TPID FORMAT 01b, protocol 5, additional length 44
  69716e2e323032362d31312e6f72672e6578616d706c653a61  # iqn.2026-11.org.example:a
  2c692c3078 303030323364303030303031                 # ,i,0x 00023d000001
  00 00                                               # NUL-terminated and filled`);

describe('TransportIDs', () => {
  test('a port: name, separator and ISID', () => {
    assert.deepEqual(Buffer.from(encodeTransportId(port)), portTransportId);
    assert.deepEqual(decodeTransportId(portTransportId, 0), { transportId: port, length: 48 });
  });

  test('a device: the name alone, at least 20 bytes', () => {
    const golden = hex(`05 00 0014 69716e2e323032362d31312e613a62 ${zeros(5)}`);
    const device = { initiatorName: 'iqn.2026-11.a:b', isid: undefined };
    assert.deepEqual(Buffer.from(encodeTransportId(device)), golden);
    assert.deepEqual(decodeTransportId(golden, 0), { transportId: device, length: 24 });
  });

  test('an upper-case prefix and ISID name the same port (RFC 7143 §4.4.2)', () => {
    const upper = Buffer.from(portTransportId);
    upper.write(',i,0X00023D000001', 29, 'latin1');
    assert.deepEqual(decodeTransportId(upper, 0)?.transportId, port);
  });

  test('another protocol, a bad length, no NUL, no ISID, no name: none of them is one', () => {
    const bad: [string, (copy: Buffer) => void][] = [
      ['Fibre Channel', (copy) => copy.writeUInt8(0x40, 0)],
      ['format 2', (copy) => copy.writeUInt8(0x85, 0)],
      ['a length that is no multiple of four', (copy) => copy.writeUInt16BE(43, 2)],
      ['a length beyond the list', (copy) => copy.writeUInt16BE(48, 2)],
      ['a length below 20', (copy) => copy.writeUInt16BE(16, 2)],
      ['no NUL', (copy) => copy.fill(0x41, 4)],
      ['something behind the NUL', (copy) => copy.writeUInt8(0x41, 47)],
      ['no separator', (copy) => copy.write('x', 29, 'latin1')],
      ['an ISID that is not hex', (copy) => copy.write('g', 34, 'latin1')],
      ['no name', (copy) => copy.fill(0, 4)],
      ['no UTF-8', (copy) => copy.writeUInt8(0xff, 5)],
    ];
    for (const [what, spoil] of bad) {
      const copy = Buffer.from(portTransportId);
      spoil(copy);
      assert.equal(decodeTransportId(copy, 0), undefined, what);
    }
    assert.equal(decodeTransportId(portTransportId.subarray(0, 3), 0), undefined);
  });

  test('whatever was written is read back', () => {
    const name = fc.string({ minLength: 1, maxLength: 60 }).filter((text) => !text.includes('\0'));
    const isid = fc.option(fc.stringMatching(/^[0-9a-f]{12}$/), { nil: undefined });
    fc.assert(
      fc.property(name, isid, (initiatorName, isid) => {
        const written = encodeTransportId({ initiatorName, isid });
        assert.equal(written.length % 4, 0);
        assert.deepEqual(decodeTransportId(written, 0)?.transportId, { initiatorName, isid });
      }),
    );
  });
});

function reserveOutCdb(action: number, length: number, scopeAndType = 0): Buffer {
  const cdb = Buffer.alloc(16);
  cdb.writeUInt8(0x5f, 0);
  cdb.writeUInt8(action, 1);
  cdb.writeUInt8(scopeAndType, 2);
  cdb.writeUInt32BE(length, 5);
  return cdb;
}

describe('PERSISTENT RESERVE OUT', () => {
  const list = hex('0000000000000001 0000000000000002 00000000 00 00 0000');
  const { register, reserve, preemptAndAbort, registerAndMove, registerAndIgnoreExistingKey } =
    PersistentReserveOutAction;

  test('REGISTER with ALL_TG_PT and APTPL', () => {
    const flags = Buffer.from(list);
    flags.writeUInt8(0b0000_0101, 20);
    assert.deepEqual(decodeReserveOut(reserveOutCdb(register, 24), flags), {
      action: 'register',
      ignoreExistingKey: false,
      reservationKey: 1n,
      serviceActionReservationKey: 2n,
      allTargetPorts: true,
      activatePersistThroughPowerLoss: true,
      initiatorPorts: undefined,
    });
  });

  test('REGISTER with SPEC_I_PT and two TransportIDs', () => {
    const device = encodeTransportId({ initiatorName: 'iqn.2026-11.a:b', isid: undefined });
    const flags = Buffer.from(list);
    flags.writeUInt8(0b0000_1000, 20);
    const whole = Buffer.concat([flags, hex('00000048'), portTransportId, device]);
    const request = decodeReserveOut(reserveOutCdb(register, whole.length), whole);
    assert.ok('action' in request && request.action === 'register');
    assert.deepEqual(request.initiatorPorts, [port, { initiatorName: 'iqn.2026-11.a:b', isid: undefined }]);
    // Cut inside the list, whatever the CDB says: a length error.
    for (let length = 24; length < whole.length; length++) {
      const cut = decodeReserveOut(reserveOutCdb(register, length), whole.subarray(0, length));
      assert.deepEqual(cut, { malformed: 'parameter list length' }, `${length}`);
    }
    assert.deepEqual(decodeReserveOut(reserveOutCdb(registerAndIgnoreExistingKey, whole.length), whole), {
      malformed: 'parameter list',
      byte: 20,
    });
    whole.writeUInt8(0x40, 28);
    assert.deepEqual(decodeReserveOut(reserveOutCdb(register, whole.length), whole), {
      malformed: 'parameter list',
      byte: 28,
    });
  });

  test('RESERVE, PREEMPT AND ABORT, REGISTER AND MOVE', () => {
    assert.deepEqual(decodeReserveOut(reserveOutCdb(reserve, 24, 0x06), list), {
      action: 'reserve',
      scope: 0,
      type: 6,
      reservationKey: 1n,
    });
    assert.deepEqual(decodeReserveOut(reserveOutCdb(preemptAndAbort, 24, 0x13), list), {
      action: 'preempt',
      abort: true,
      scope: 1,
      type: 3,
      reservationKey: 1n,
      serviceActionReservationKey: 2n,
    });
    const move = Buffer.concat([hex('0000000000000001 0000000000000002 00 02 0007 00000030'), portTransportId]);
    assert.deepEqual(decodeReserveOut(reserveOutCdb(registerAndMove, move.length), move), {
      action: 'registerAndMove',
      reservationKey: 1n,
      serviceActionReservationKey: 2n,
      unregister: true,
      activatePersistThroughPowerLoss: false,
      relativeTargetPort: 7,
      transportId: port,
    });
  });

  test('any other length than 24 is a length error', () => {
    for (const length of [0, 8, 23, 25, 32]) {
      const request = decodeReserveOut(reserveOutCdb(reserve, length), Buffer.alloc(length));
      assert.deepEqual(request, { malformed: 'parameter list length' }, `${length}`);
    }
  });

  test('a service action that does not exist is an invalid field of the CDB', () => {
    for (let action = 8; action < 32; action++) {
      assert.deepEqual(decodeReserveOut(reserveOutCdb(action, 24), list), { malformed: 'cdb', byte: 1 });
    }
  });

  test('arbitrary bytes never raise anything', () => {
    fc.assert(
      fc.property(fc.nat(31), fc.nat(255), fc.uint8Array({ maxLength: 200 }), (action, scopeAndType, bytes) => {
        decodeReserveOut(reserveOutCdb(action, bytes.length, scopeAndType), bytes);
      }),
    );
  });
});

describe('PERSISTENT RESERVE IN', () => {
  test('READ KEYS', () => {
    assert.deepEqual(
      Buffer.from(encodeKeys(7, [0x0102030405060708n, 0xffffffffffffffffn])),
      hex('00000007 00000010 0102030405060708 ffffffffffffffff'),
    );
  });

  test('READ RESERVATION with and without one', () => {
    assert.deepEqual(Buffer.from(encodeReservation(1, undefined)), hex('00000001 00000000'));
    assert.deepEqual(
      Buffer.from(encodeReservation(1, { reservationKey: 5n, type: ReservationType.exclusiveAccess })),
      hex('00000001 00000010 0000000000000005 00000000 00 03 0000'),
    );
  });

  test('REPORT CAPABILITIES', () => {
    assert.deepEqual(
      Buffer.from(encodeReservationCapabilities({ capable: true, activated: true })),
      hex(`
        0008   # LENGTH
        1d     # CRH, SIP_C, ATP_C, PTPL_C
        b1     # TMV, ALLOW COMMANDS 011b, PTPL_A
        ea 01  # all six types
        0000`),
    );
    assert.deepEqual(
      Buffer.from(encodeReservationCapabilities({ capable: false, activated: false })),
      hex('0008 1c b0 ea01 0000'),
    );
  });

  test('READ FULL STATUS', () => {
    assert.deepEqual(
      Buffer.from(
        encodeFullStatus(2, [
          {
            reservationKey: 9n,
            holds: ReservationType.writeExclusiveRegistrantsOnly,
            relativeTargetPort: 1,
            transportId: port,
          },
        ]),
      ),
      Buffer.concat([
        hex(`00000002 00000048
             0000000000000009 00000000
             01 05          # R_HOLDER, type
             00000000 0001  # relative target port
             00000030`),
        portTransportId,
      ]),
    );
  });
});

describe('commands beside a reservation', () => {
  test('what reads passes write exclusive types, what writes passes none, and INQUIRY all', () => {
    assert.equal(reservationAccess('read16'), 'unless exclusive');
    assert.equal(reservationAccess('write16'), 'holders');
    assert.equal(reservationAccess('synchronizeCache10'), 'holders');
    assert.equal(reservationAccess('inquiry'), 'always');
    assert.equal(reservationAccess('testUnitReady'), 'always');
  });

  test('START STOP UNIT and PREVENT ALLOW depend on their CDB', () => {
    const settle = (name: string, byte4: number): string =>
      settledReservationAccess(reservationAccess(name), Uint8Array.of(0, 0, 0, 0, byte4, 0));
    assert.equal(settle('startStopUnit', 0x01), 'always');
    assert.equal(settle('startStopUnit', 0x00), 'holders');
    assert.equal(settle('startStopUnit', 0x11), 'holders');
    assert.equal(settle('preventAllowMediumRemoval', 0), 'always');
    assert.equal(settle('preventAllowMediumRemoval', 1), 'holders');
  });

  test('no command that writes the medium passes a reservation', async () => {
    const { describeCommand } = await import('../../src/scsi/command-table.ts');
    for (const name of commandNames) {
      const { medium } = describeCommand(name);
      if (medium === 'write') assert.equal(reservationAccess(name), 'holders', name);
      if (medium === 'read') assert.equal(reservationAccess(name), 'unless exclusive', name);
    }
  });
});
