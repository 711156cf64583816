/** What `diskless iscsi inquiry` makes of what a unit says of itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capability } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { descriptionLines } from '../../src/cli/actions/iscsi/inquiry.ts';
import { describeUnit } from '../../src/cli/unit-description.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import { LogicalUnit } from '../../src/initiator/logical-unit.ts';
import { encodeLun } from '../../src/scsi/index.ts';
import { INITIATOR } from '../target/raw-initiator.ts';
import { serveTarget, TARGET } from '../target/served-target.ts';

class UnmappingDevice extends MemoryDevice {
  override readonly capabilities;

  constructor(unmap: Capability) {
    super(1 << 20);
    this.capabilities = { flush: 'none', fua: 'native', unmap, writeZeroes: 'native', extents: 'native' } as const;
  }
}

for (const [unmap, provisioning, text] of [
  ['none', 'full', 'full'],
  ['emulated', 'resource', 'resource, unmapped blocks read as zeros'],
  ['native', 'thin', 'thin, unmapped blocks read as zeros'],
] as const) {
  test(`a unit that has ${provisioning} provisioning is called that`, async () => {
    await using served = await serveTarget({ device: new UnmappingDevice(unmap) });
    const { network, clock } = served;
    const initiator = new Initiator({ network, clock, initiatorName: INITIATOR });
    await using session = await initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET);
    const description = await describeUnit(session, new LogicalUnit(session, encodeLun(0), clock));
    assert.equal(description.provisioning, provisioning);
    const line = descriptionLines(description).find((line) => line.startsWith('provisioning'));
    assert.equal(line?.replace(/^provisioning +/, ''), text);
    const [named] = descriptionLines({ ...description, target: 'iqn.\x1b[2J' });
    assert.match(named ?? '', /^target +iqn\.\?\[2J$/, 'what it says is shown, and not obeyed by a terminal');
  });
}
