/** Reads a table that any firmware has written. Every length and offset is checked before it is used. */

import { macFromBytes, ProtocolError } from '../bytes/index.ts';
import { decodeAddress } from './address.ts';
import { checksumFor } from './checksum.ts';
import {
  Control,
  Initiator,
  Nic,
  SIGNATURE,
  StructureHeader,
  StructureId,
  TABLE_REVISION,
  TableHeader,
  Target,
} from './structures.ts';
import { ChapType, type IbftChap, type IbftInitiator, type IbftNic, type IbftTable, type IbftTarget } from './table.ts';

/** `source` begins with the table and may go on behind it, as memory does. Raises IBFT_MALFORMED, and nothing else. */
export function decodeIbft(source: Uint8Array): IbftTable {
  const table = wholeTable(source);
  const header = TableHeader.view(table);
  const control = Control.view(table, checkStructure(table, TableHeader.size, StructureId.control, Control.size));
  const { initiatorOffset, nic0Offset, nic1Offset, target0Offset, target1Offset } = control;
  return {
    oemId: identifier(header.oemId),
    oemTableId: identifier(header.oemTableId),
    initiator: initiatorOffset === 0 ? undefined : decodeInitiator(table, initiatorOffset),
    nics: present(nic0Offset, nic1Offset).map((offset) => decodeNic(table, offset)),
    targets: present(target0Offset, target1Offset).map((offset) => decodeTarget(table, offset)),
  };
}

/** The bytes that the header claims, once it can be believed. */
function wholeTable(source: Uint8Array): Uint8Array {
  if (source.length < TableHeader.size) throw malformed(`it ends after ${source.length} bytes`);
  const { signature, length, revision } = TableHeader.view(source);
  if (ascii(signature) !== SIGNATURE) throw malformed(`it begins with ${JSON.stringify(ascii(signature))}`);
  if (revision !== TABLE_REVISION) throw malformed(`it has revision ${revision}`);
  if (length < TableHeader.size + Control.size || length > source.length) {
    throw malformed(`it says that it has ${length} bytes, and ${source.length} are there`);
  }
  const table = source.subarray(0, length);
  if (checksumFor(table) !== 0) throw malformed('its checksum is wrong');
  return table;
}

function present(...offsets: readonly number[]): number[] {
  return offsets.filter((offset) => offset !== 0);
}

/** That a structure of this kind is there, all of it; gives its offset. A longer one has fields of later versions behind. */
function checkStructure(table: Uint8Array, offset: number, id: number, size: number): number {
  if (offset < TableHeader.size || offset + size > table.length) {
    throw malformed(`a structure of ${size} bytes cannot be at ${offset} of ${table.length}`);
  }
  const found = StructureHeader.view(table, offset);
  if (found.id !== id) throw malformed(`at ${offset} there is structure ${found.id} instead of ${id}`);
  if (found.length < size || offset + found.length > table.length) {
    throw malformed(`the structure at ${offset} says that it has ${found.length} bytes`);
  }
  return offset;
}

function decodeInitiator(table: Uint8Array, offset: number): IbftInitiator {
  const read = Initiator.view(table, checkStructure(table, offset, StructureId.initiator, Initiator.size));
  return {
    valid: read.blockValid,
    bootSelected: read.bootSelected,
    name: text(table, read.nameOffset, read.nameLength),
    isnsServer: decodeAddress(read.isnsServer),
    slpServer: decodeAddress(read.slpServer),
    primaryRadiusServer: decodeAddress(read.primaryRadiusServer),
    secondaryRadiusServer: decodeAddress(read.secondaryRadiusServer),
  };
}

function decodeNic(table: Uint8Array, offset: number): IbftNic {
  const read = Nic.view(table, checkStructure(table, offset, StructureId.nic, Nic.size));
  return {
    valid: read.blockValid,
    bootSelected: read.bootSelected,
    index: read.index,
    global: read.global,
    address: decodeAddress(read.address),
    prefix: read.prefix,
    origin: read.origin,
    gateway: decodeAddress(read.gateway),
    primaryDns: decodeAddress(read.primaryDns),
    secondaryDns: decodeAddress(read.secondaryDns),
    dhcpServer: decodeAddress(read.dhcpServer),
    vlan: read.vlan,
    mac: macFromBytes(read.mac),
    pci: { bus: read.pciBus, device: read.pciDevice, function: read.pciFunction },
    hostName: text(table, read.hostNameOffset, read.hostNameLength),
  };
}

function decodeTarget(table: Uint8Array, offset: number): IbftTarget {
  const read = Target.view(table, checkStructure(table, offset, StructureId.target, Target.size));
  const { chapType } = read;
  const chap = (): IbftChap => ({
    name: text(table, read.chapNameOffset, read.chapNameLength),
    secret: new Uint8Array(heapBytes(table, read.chapSecretOffset, read.chapSecretLength)),
  });
  const reverseChap = (): IbftChap => ({
    name: text(table, read.reverseChapNameOffset, read.reverseChapNameLength),
    secret: new Uint8Array(heapBytes(table, read.reverseChapSecretOffset, read.reverseChapSecretLength)),
  });
  if (chapType > ChapType.mutual) throw malformed(`the CHAP type of a target is ${chapType}`);
  return {
    valid: read.blockValid,
    bootSelected: read.bootSelected,
    index: read.index,
    address: decodeAddress(read.address),
    port: read.port,
    lun: new Uint8Array(read.lun),
    nicIndex: read.nicIndex,
    name: text(table, read.nameOffset, read.nameLength),
    chap: chapType === ChapType.none ? undefined : chap(),
    reverseChap: chapType === ChapType.mutual ? reverseChap() : undefined,
    radiusChap: read.radiusChap,
    radiusReverseChap: read.radiusReverseChap,
  };
}

function text(table: Uint8Array, offset: number, length: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(heapBytes(table, offset, length));
}

function heapBytes(table: Uint8Array, offset: number, length: number): Uint8Array {
  if (length === 0) return table.subarray(0, 0);
  if (offset < TableHeader.size || offset + length > table.length) {
    throw malformed(`a text of ${length} bytes cannot be at ${offset} of ${table.length}`);
  }
  return table.subarray(offset, offset + length);
}

/** Without the blanks and zeros that fill the field. */
function identifier(bytes: Uint8Array): string {
  return ascii(bytes).replace(/[ \0]+$/, '');
}

function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte & 0x7f)).join('');
}

function malformed(reason: string): ProtocolError {
  return new ProtocolError('IBFT_MALFORMED', `an iSCSI Boot Firmware Table cannot be read: ${reason}`);
}
