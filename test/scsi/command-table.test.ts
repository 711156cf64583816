/** What must hold between the entries of the command table, and what is told of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  commandNames,
  describeCommand,
  findCommand,
  operationCodes,
  serviceActionOf,
  usageData,
} from '../../src/scsi/index.ts';

/** The length that the first three bits of an operation code stand for (SPC-4); 7Fh says its own. */
const lengths: Readonly<Record<number, number>> = { 0: 6, 1: 10, 2: 10, 4: 16, 5: 12 };

test('commands stand in the order of their operation codes and service actions, and none twice', () => {
  const places = commandNames
    .map(describeCommand)
    .map(({ operationCode, serviceAction = 0 }) => operationCode * 65_536 + serviceAction);
  assert.deepEqual(
    places,
    [...new Set(places)].toSorted((left, right) => left - right),
  );
});

for (const name of commandNames) {
  const { title, operationCode, serviceAction } = describeCommand(name);
  test(`${title}: its usage data is as long as the CDB, and names the command itself`, () => {
    const usage = usageData(describeCommand(name));
    assert.equal(usage[0], operationCode);
    assert.equal(usage.length, operationCode === 0x7f ? 8 + (usage[7] ?? 0) : lengths[operationCode >>> 5]);
    if (serviceAction !== undefined) assert.equal(serviceActionOf(usage), serviceAction);
    assert.equal(findCommand(operationCode, serviceAction ?? 0), name);
  });
}

test('an operation code that shares its service actions stands for none of the others', () => {
  assert.equal(findCommand(0x9e, 0x1f), undefined);
  assert.equal(findCommand(0x7f, 0x0001), undefined);
  assert.equal(operationCodes.length, 256);
});
