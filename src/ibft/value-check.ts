/** What a table has room for: anything beyond it would be cut silently. */

import { DisklessError } from '../bytes/index.ts';
import type { IbftTable } from './table.ts';

/** A control structure with offsets of more NICs and targets makes Linux refuse the whole table. */
export const MAX_OF_A_KIND = 2;

/** What one text may have in bytes: iSCSI names have 223, and with all of them at their longest the table stays below 5 KiB. */
const MAX_TEXT_LENGTH = 255;

/** Raises IBFT_VALUE_INVALID. */
export function checkValues({ oemId, oemTableId, initiator, nics, targets }: IbftTable): void {
  checkIdentifier('oemId', oemId, 6);
  checkIdentifier('oemTableId', oemTableId, 8);
  if (initiator !== undefined) checkText('the initiator name', initiator.name);
  checkCount('NICs', nics.length);
  checkCount('targets', targets.length);
  for (const { index, prefix, origin, vlan, pci, hostName } of nics) {
    checkNumber('a NIC index', index, 255);
    checkNumber('a prefix length', prefix, 128);
    checkNumber('an origin', origin, 255);
    checkNumber('a VLAN', vlan, 4094);
    checkNumber('a PCI bus', pci.bus, 255);
    checkNumber('a PCI device', pci.device, 31);
    checkNumber('a PCI function', pci.function, 7);
    checkText('a host name', hostName);
  }
  for (const { index, port, lun, nicIndex, name, chap, reverseChap } of targets) {
    checkNumber('a target index', index, 255);
    checkNumber('a port', port, 65_535);
    checkNumber('a NIC index', nicIndex, 255);
    if (lun.length !== 8) throw invalid(`a LUN has 8 bytes, not ${lun.length}`);
    checkText('a target name', name);
    if (reverseChap !== undefined && chap === undefined) {
      throw invalid('a target cannot prove itself by CHAP to an initiator that does not');
    }
    for (const each of [chap, reverseChap]) {
      if (each === undefined) continue;
      checkText('a CHAP name', each.name);
      checkText('a CHAP secret', each.secret);
    }
  }
}

function checkIdentifier(what: string, text: string, most: number): void {
  if (!/^[\x20-\x7e]*$/.test(text) || text.length > most)
    throw invalid(`${what} takes at most ${most} ASCII characters`);
}

function checkCount(what: string, count: number): void {
  if (count > MAX_OF_A_KIND) throw invalid(`${count} ${what}, and it has room for ${MAX_OF_A_KIND}`);
}

function checkNumber(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) throw invalid(`${what} is 0 to ${most}, not ${value}`);
}

function checkText(what: string, text: string | Uint8Array): void {
  const length = typeof text === 'string' ? new TextEncoder().encode(text).length : text.length;
  if (length > MAX_TEXT_LENGTH) throw invalid(`${what} has at most ${MAX_TEXT_LENGTH} bytes, not ${length}`);
}

function invalid(reason: string): DisklessError {
  return new DisklessError('IBFT_VALUE_INVALID', `an iSCSI Boot Firmware Table cannot say this: ${reason}`);
}
