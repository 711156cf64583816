/** Datagrams as a capture file, for Wireshark to say what it makes of them, without a wire that has to be watched. Needs tshark. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.ts';

const rawIp = 101;

/** A file of UDP datagrams over IPv4 from `from` to `to`, both ports. */
export class PacketFile {
  readonly #path: string;

  constructor(t: TestContext, datagrams: readonly Uint8Array[], ports: { readonly from: number; readonly to: number }) {
    this.#path = join(temporaryDirectory(t), 'packets.pcap');
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(0xffff, 16);
    header.writeUInt32LE(rawIp, 20);
    writeFileSync(this.#path, Buffer.concat([header, ...datagrams.flatMap((each) => record(each, ports))]));
  }

  /** The wanted fields of each packet, one line for a packet. */
  fields(filter: string, ...names: readonly string[]): string[] {
    const wanted = names.flatMap((name) => ['-e', name]);
    const args = ['-r', this.#path, '-Y', filter, '-T', 'fields', ...wanted];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** What is wrong with the packets. */
  complaints(): string[] {
    return this.fields('_ws.malformed || _ws.expert.severity == error', 'frame.number', '_ws.expert.message');
  }
}

function record(data: Uint8Array, ports: { readonly from: number; readonly to: number }): Buffer[] {
  const packet = Buffer.alloc(28);
  packet[0] = 0x45;
  packet.writeUInt16BE(28 + data.length, 2);
  packet[8] = 64;
  packet[9] = 17;
  packet.writeUInt32BE(0xc0000201, 12);
  packet.writeUInt32BE(0xc0000202, 16);
  packet.writeUInt16BE(ports.from, 20);
  packet.writeUInt16BE(ports.to, 22);
  packet.writeUInt16BE(8 + data.length, 24);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(28 + data.length, 8);
  head.writeUInt32LE(28 + data.length, 12);
  return [head, packet, Buffer.from(data)];
}
