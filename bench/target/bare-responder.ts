/**
 * The yardstick: as little as a Node process can do to answer an initiator's READs out of memory. After the login every READ gets its
 * Data-In, a header and a slice of a buffer as large as the disk; no command is looked at further than that, nothing is checked.
 * Replies to one chunk leave in one writev. (Copying header and data into one piece first was tried: it costs more than it saves.)
 *
 *     node bare-responder.ts BYTES ADDRESS:PORT        a unit of so many bytes
 */

import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { readU32, writeU24, writeU32, writeU64 } from '../../src/bytes/layout.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { defaultWishes } from '../../src/iscsi/parameters.ts';
import { BASIC_HEADER_LENGTH } from '../../src/iscsi/pdu.ts';
import { PduReader } from '../../src/iscsi/pdu-reader.ts';
import { TargetLogin } from '../../src/iscsi/target-login.ts';

const BLOCK = 512;
const WINDOW = 128;

/** Where a SCSI Command has its CDB. */
const CDB = 32;

const SLAB_LENGTH = 16_384;

/** Operation codes. */
const READ_10 = 0x28;
const READ_16 = 0x88;
const SERVICE_ACTION_IN_16 = 0x9e;

const [size = '', listen = ''] = process.argv.slice(2);
const [address = '', port = ''] = listen.split(':');
const image = Buffer.allocUnsafeSlow(Number(size)).fill(0x5a);

class Responder {
  readonly #socket: Socket;
  #statSN: number;
  #expCmdSN: number;
  #rest: Buffer = Buffer.alloc(0);
  #slab = Buffer.alloc(SLAB_LENGTH);
  #used = 0;

  constructor(socket: Socket, statSN: number, expCmdSN: number) {
    this.#socket = socket;
    this.#statSN = statSN;
    this.#expCmdSN = expCmdSN;
  }

  /** Requests have no data, so each is a header. */
  receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    this.#socket.cork();
    for (; at + BASIC_HEADER_LENGTH <= bytes.length; at += BASIC_HEADER_LENGTH) this.#answer(bytes, at);
    this.#socket.uncork();
    this.#rest = bytes.subarray(at);
  }

  #answer(request: Buffer, at: number): void {
    const opcode = (request[at] ?? 0) & 0x3f;
    if (opcode === Opcode.logoutRequest) this.#reply(Opcode.logoutResponse, request, at);
    else if (opcode === Opcode.nopOut) this.#reply(Opcode.nopIn, request, at);
    else this.#command(request, at, request[at + CDB] ?? 0);
  }

  #command(request: Buffer, at: number, operationCode: number): void {
    this.#expCmdSN = (this.#expCmdSN + 1) >>> 0;
    if (operationCode === READ_16 || operationCode === READ_10) {
      // A disk of less than 2 TiB: the high half of a 64-bit address is zero.
      const offset = BLOCK * readU32(request, at + CDB + (operationCode === READ_16 ? 6 : 2));
      this.#dataIn(request, at, image.subarray(offset, offset + readU32(request, at + 20)));
    } else if (operationCode === SERVICE_ACTION_IN_16) {
      const capacity = Buffer.alloc(32);
      writeU64(capacity, 0, BigInt(image.length / BLOCK - 1));
      writeU32(capacity, 8, BLOCK);
      this.#dataIn(request, at, capacity);
    } else {
      this.#reply(Opcode.scsiResponse, request, at);
    }
  }

  #dataIn(request: Buffer, at: number, data: Buffer): void {
    const header = this.#header(Opcode.dataIn, request, at);
    // Final, with status GOOD.
    header[1] = 0x81;
    writeU24(header, 5, data.length);
    writeU32(header, 20, RESERVED_TAG);
    this.#socket.write(header);
    this.#socket.write(data);
  }

  #reply(opcode: number, request: Buffer, at: number): void {
    this.#socket.write(this.#header(opcode, request, at));
  }

  #header(opcode: number, request: Buffer, at: number): Buffer {
    if (this.#used + BASIC_HEADER_LENGTH > SLAB_LENGTH) {
      this.#slab = Buffer.alloc(SLAB_LENGTH);
      this.#used = 0;
    }
    const header = this.#slab.subarray(this.#used, this.#used + BASIC_HEADER_LENGTH);
    this.#used += BASIC_HEADER_LENGTH;
    header[0] = opcode;
    header[1] = 0x80;
    for (let byte = 16; byte < 20; byte++) header[byte] = request[at + byte] ?? 0;
    writeU32(header, 24, this.#statSN);
    this.#statSN = (this.#statSN + 1) >>> 0;
    writeU32(header, 28, this.#expCmdSN);
    writeU32(header, 32, (this.#expCmdSN + WINDOW - 1) >>> 0);
    return header;
  }
}

function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  const reader = new PduReader({ maxDataSegmentLength: 8192, headerDigest: false, dataDigest: false });
  const login = new TargetLogin({
    wishes: { ...defaultWishes, headerDigest: ['None'], dataDigest: ['None'] },
    portalGroupTag: 1,
    random: randomBytes,
  });
  const onLogin = (chunk: Buffer): void => {
    reader.push(chunk);
    for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) {
      let step = login.receive(pdu);
      if (step.outcome.kind === 'identified') step = login.admit({ kind: 'accept', tsih: 1, commandWindow: WINDOW });
      for (const part of step.send) socket.write(part);
      if (step.outcome.kind !== 'complete') continue;
      const responder = new Responder(socket, step.outcome.statSN, step.outcome.expCmdSN);
      socket.off('data', onLogin);
      socket.on('data', (bytes: Buffer) => responder.receive(bytes));
      return;
    }
  };
  socket.on('data', onLogin);
}

const server = createServer({ noDelay: true }, serve);
server.listen({ host: address, port: Number(port) }, () => process.stderr.write('ready\n'));
process.once('SIGTERM', () => process.exit(0));
