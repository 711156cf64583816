/** A TFTP server over files in memory, and the packets that go to and fro. */

import assert from 'node:assert/strict';
import {
  type AcceptedTransfer,
  decodePacket,
  type Endpoint,
  encodePacket,
  Opcode,
  type TftpAnswer,
  TftpServer,
} from '../../src/tftp/index.ts';

export const server: Endpoint = { address: '192.0.2.1', port: 69 };
export const client: Endpoint = { address: '192.0.2.50', port: 2000 };

export function content(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 0xff);
}

export function serverOf(files: Record<string, Uint8Array>, mostTransfers?: number) {
  const closed: string[] = [];
  const open = (name: string) => {
    const bytes = files[name];
    if (bytes === undefined) return undefined;
    const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    return { size: bytes.length, read, close: () => closed.push(name) };
  };
  return { closed, server: new TftpServer({ open, ...(mostTransfers === undefined ? {} : { mostTransfers }) }) };
}

export const readRequest = (fileName: string, options: Record<string, string> = {}, mode = 'octet') =>
  encodePacket({ opcode: Opcode.readRequest, fileName, mode, options: new Map(Object.entries(options)) });
export const ack = (block: number) => encodePacket({ opcode: Opcode.ack, block });

export function accepted(answer: TftpAnswer): AcceptedTransfer {
  assert.equal(answer.type, 'transfer');
  assert.ok(answer.type === 'transfer');
  return answer.accepted;
}

/** `DATA 3 (512)`, `OACK`, ... */
export function names(packets: readonly Uint8Array[]): string[] {
  return packets.map((bytes) => {
    const packet = decodePacket(bytes);
    if (packet.opcode === Opcode.data) return `DATA ${packet.block} (${packet.data.length})`;
    if (packet.opcode === Opcode.optionAck) return `OACK ${[...packet.options].flat().join(' ')}`;
    if (packet.opcode === Opcode.ack) return `ACK ${packet.block}`;
    if (packet.opcode === Opcode.error) return `ERROR ${packet.code}`;
    return `opcode ${packet.opcode}`;
  });
}
