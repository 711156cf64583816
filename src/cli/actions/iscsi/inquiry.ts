/** What a disk says of itself. */

import { printable, sizeText } from '../../../bytes/index.ts';
import { LogicalUnit } from '../../../initiator/logical-unit.ts';
import { systemClock } from '../../../os/clock.ts';
import type { InquirySettings } from '../../commands/iscsi/inquiry.ts';
import { makeInitiator } from '../../initiator.ts';
import { withSession } from '../../remote-disk.ts';
import { describeUnit, type UnitDescription } from '../../unit-description.ts';
import { fieldLabel, type PageValue, pageCodeText, type UnitPage } from '../../unit-pages.ts';
import { untilInterrupted } from '../../until-interrupted.ts';
import { givenDisk } from './given-disk.ts';

export async function inquiry(settings: InquirySettings): Promise<void> {
  const address = givenDisk(settings);
  await untilInterrupted(async (signal) => {
    const initiator = await makeInitiator(settings);
    const description = await withSession(initiator, address, signal, (session) =>
      describeUnit(session, new LogicalUnit(session, address.lun, systemClock)),
    );
    const lines = settings.json ? [JSON.stringify(description, undefined, 2)] : descriptionLines(description);
    process.stdout.write(`${lines.join('\n')}\n`);
  });
}

type Row = readonly [label: string, value: string];

export function descriptionLines(unit: UnitDescription): string[] {
  const { inquiry } = unit;
  return [
    ...section('', [
      ['target', unit.target],
      ['portal', unit.portal],
      ['LUN', unit.lun],
      ['vendor', inquiry.vendor],
      ['product', `${inquiry.product} ${inquiry.revision}`],
      ['device type', `${inquiry.peripheralDeviceType}${inquiry.peripheralDeviceType === 0 ? ' (disk)' : ''}`],
      ['removable medium', yesOrNo(inquiry.removable)],
      ...capacityRows(unit),
    ]),
    ...section('Session', Object.entries(unit.session).map(keyRow)),
    ...unit.pages.flatMap((page) => pageSection('VPD page', page)),
    ...unit.modePages.flatMap((page) => pageSection('mode page', page)),
  ];
}

function capacityRows({ capacity, provisioning = 'not reported', writeProtected }: UnitDescription): Row[] {
  const protection: Row[] = writeProtected === undefined ? [] : [['write protected', yesOrNo(writeProtected)]];
  if (capacity === undefined) return protection;
  const { size, blocks, blockSize, physicalBlockSize, unmappedReadsZeros } = capacity;
  return [
    ['size', `${sizeText(size)} (${size} bytes)`],
    ['blocks', `${blocks} of ${blockSize} bytes, physical blocks of ${physicalBlockSize}`],
    ['provisioning', `${provisioning}${unmappedReadsZeros ? ', unmapped blocks read as zeros' : ''}`],
    ...protection,
  ];
}

function pageSection(kind: string, { code, subpage, title, fields }: UnitPage): string[] {
  const codes = [code, ...(subpage === undefined ? [] : [subpage])].map(pageCodeText).join('/');
  return section(`${title} (${kind} ${codes})`, Object.entries(fields).map(fieldRow));
}

function fieldRow([name, value]: readonly [string, PageValue]): Row {
  return [fieldLabel(name), typeof value === 'boolean' ? yesOrNo(value) : String(value)];
}

/** What was negotiated, by the keys' own names (RFC 7143 §13). */
function keyRow([name, value]: readonly [string, PageValue]): Row {
  const [, text] = fieldRow([name, value]);
  return [`${name.slice(0, 1).toUpperCase()}${name.slice(1)}`, text];
}

function section(title: string, rows: readonly Row[]): string[] {
  const width = Math.max(0, ...rows.map(([label]) => label.length));
  const indent = title === '' ? '' : '  ';
  const lines = rows.map(([label, value]) => `${indent}${label.padEnd(width)}  ${printable(value)}`.trimEnd());
  return title === '' ? lines : ['', title, ...lines];
}

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
