import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisklessError, ProtocolError } from '../../src/bytes/index.ts';
import { errorLine, exitCodeOf } from '../../src/cli/errors.ts';

describe('errors on the command line', () => {
  const codes: [string, number][] = [
    ['USAGE_VALUE_INVALID', 2],
    ['INTERFACE_NOT_GIVEN', 2],
    ['CONFIG_SYNTAX', 3],
    ['INTERFACE_DOWN', 3],
    ['INTERFACE_NO_ADDRESS', 3],
    ['INTERFACE_NO_DHCP', 3],
    ['DHCP_POOL_OUTSIDE_SUBNET', 3],
    ['DHCP_POOL_EMPTY', 3],
    ['ROUTER_OUTSIDE_SUBNET', 3],
    ['NETWORK_PORT_IN_USE', 4],
    ['NETWORK_PORT_FORBIDDEN', 4],
    ['IMAGE_FORBIDDEN', 4],
    ['FILE_FORBIDDEN', 4],
    ['INTERFACE_UNKNOWN', 5],
    ['IMAGE_NOT_FOUND', 5],
    ['LOADER_MISSING', 5],
    ['ISCSI_TARGET_NOT_FOUND', 5],
    ['DATA_IN_USE', 6],
    ['POOL_IN_USE', 6],
    ['DISK_IN_USE', 6],
    ['FILE_LOCKED', 6],
    ['ISCSI_LOGIN_AUTH_FAILED', 7],
    ['DHCP_NO_OFFER', 8],
    ['NETWORK_TIMEOUT', 8],
    ['IMAGE_NOT_A_DISK', 1],
    ['FLEET_STATE_UNREADABLE', 1],
  ];
  for (const [code, expected] of codes) {
    test(`${code} exits with ${expected}`, () => assert.equal(exitCodeOf(new DisklessError(code, 'x')), expected));
  }

  test('what a peer did wrong exits with 9, anything unforeseen with 1', () => {
    assert.equal(exitCodeOf(new ProtocolError('ISCSI_UNEXPECTED_PDU', 'x')), 9);
    assert.equal(exitCodeOf(new TypeError('x')), 1);
    assert.equal(exitCodeOf('x'), 1);
  });

  test('an error is one line: what, its code, what to do', () => {
    const error = new DisklessError('X_Y', 'it broke.\nbadly', { hint: 'Mend it.' });
    assert.equal(errorLine(error), 'diskless: it broke. badly (X_Y). Mend it.');
    assert.equal(errorLine(new DisklessError('X_Y', 'it broke.')), 'diskless: it broke (X_Y).');
    assert.equal(errorLine(new TypeError('unforeseen')), 'diskless: unforeseen');
  });
});
