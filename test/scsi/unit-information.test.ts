import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  encodeIdentifyingInformation,
  encodeSupportedInformation,
  InformationType,
  isValidInformation,
} from '../../src/scsi/identifying-information.ts';
import { encodeLogPage } from '../../src/scsi/log-page.ts';
import {
  AccessState,
  AccessStatus,
  decodeSetTargetPortGroups,
  encodeTargetPortGroups,
} from '../../src/scsi/target-port-group.ts';
import { decodeSetTimestamp, encodeTimestamp, TimestampOrigin } from '../../src/scsi/timestamp.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');

describe('target port groups', () => {
  const group = {
    targetPortGroup: 1,
    accessState: AccessState.activeOptimized,
    statusCode: AccessStatus.noStatus,
    preferred: false,
    relativeTargetPorts: [1, 2],
  };

  test('one group with two ports, in both formats', () => {
    const descriptor = '00 01 0001 00 00 00 02  0000 0001  0000 0002';
    assert.deepEqual(Buffer.from(encodeTargetPortGroups([group], 0) ?? []), hex(`00000010 ${descriptor}`));
    assert.deepEqual(Buffer.from(encodeTargetPortGroups([group], 1) ?? []), hex(`00000014 10 00 0000 ${descriptor}`));
    assert.equal(encodeTargetPortGroups([group], 2), undefined);
  });

  test('SET TARGET PORT GROUPS is read, and refused when cut', () => {
    assert.deepEqual(decodeSetTargetPortGroups(hex('00000000 02 00 0001 00 00 0007')), [
      { targetPortGroup: 1, accessState: AccessState.standby },
      { targetPortGroup: 7, accessState: AccessState.activeOptimized },
    ]);
    assert.deepEqual(decodeSetTargetPortGroups(new Uint8Array(4)), []);
    for (const length of [0, 3, 5, 7]) assert.equal(decodeSetTargetPortGroups(new Uint8Array(length)), undefined);
  });
});

describe('log pages', () => {
  const counts = {
    read: { bytes: 0x1234n, uncorrectedErrors: 1n },
    write: { bytes: 2n ** 40n, uncorrectedErrors: 0n },
    verify: { bytes: 0n, uncorrectedErrors: 0n },
  };
  const page = (code: number, subpage = 0, pointer = 0): Buffer | undefined => {
    const encoded = encodeLogPage(code, subpage, pointer, counts);
    return encoded && Buffer.from(encoded);
  };

  test('page 00h lists the pages, with subpages when asked', () => {
    assert.deepEqual(page(0), hex('00 00 0005 00 02 03 05 2f'));
    assert.deepEqual(page(0, 0xff), hex('40 ff 000a 0000 0200 0300 0500 2f00'));
  });

  test('every listed page can be read, and no other', () => {
    const listed = [...(page(0)?.subarray(4) ?? [])];
    for (let code = 0; code < 64; code++) assert.equal(page(code) !== undefined, listed.includes(code), `${code}`);
    assert.equal(page(2, 1), undefined);
  });

  test('error counters', () => {
    assert.deepEqual(page(3), hex('03 00 0018 0005 00 08 0000000000001234 0006 00 08 0000000000000001'));
    assert.deepEqual(page(2, 0, 6), hex('02 00 000c 0006 00 08 0000000000000000'));
    assert.equal(page(2, 0, 7), undefined);
  });

  test('no informational exception', () => {
    assert.deepEqual(page(0x2f), hex('2f 00 0008 0000 03 04 0000 ff 00'));
  });
});

describe('labels and time', () => {
  test('REPORT TIMESTAMP and SET TIMESTAMP', () => {
    const data = encodeTimestamp(0x0123_4567_89ab, TimestampOrigin.setByCommand);
    assert.deepEqual(Buffer.from(data), hex('000a 02 00 0123456789ab 0000'));
    assert.equal(decodeSetTimestamp(data), 0x0123_4567_89ab);
    assert.equal(decodeSetTimestamp(data.subarray(0, 11)), undefined);
  });

  test('identifying information', () => {
    assert.deepEqual(Buffer.from(encodeIdentifyingInformation(hex('616263'))), hex('0000 0003 616263'));
    assert.deepEqual(Buffer.from(encodeSupportedInformation()), hex('0000 0008 00 00 0040 04 00 0100'));
    assert.equal(isValidInformation(InformationType.peripheralDevice, new Uint8Array(64)), true);
    assert.equal(isValidInformation(InformationType.peripheralDevice, new Uint8Array(65)), false);
    assert.equal(isValidInformation(InformationType.text, Buffer.from('boot\0')), true);
    assert.equal(isValidInformation(InformationType.text, Buffer.from('boot')), false);
    assert.equal(isValidInformation(InformationType.text, Buffer.from('bo\0t\0')), false);
    assert.equal(isValidInformation(InformationType.text, hex('ff00')), false);
    assert.equal(isValidInformation(1, new Uint8Array(0)), false);
  });
});
