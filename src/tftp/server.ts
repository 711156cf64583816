/**
 * A TFTP server for reading (RFC 1350): what becomes of each datagram that reaches its well-known port.
 *
 * The owner gives every accepted transfer a socket of its own, runs it there, and says so when it is over.
 */

import { ProtocolError } from '../bytes/index.ts';
import { NetasciiSource, OctetSource, type TftpFile } from './block-source.ts';
import { normalizeFileName } from './file-name.ts';
import { grantOptions } from './negotiation.ts';
import { decodePacket, ErrorCode, errorPacket, Opcode, type RequestPacket } from './packet.ts';
import { ReadTransfer } from './read-transfer.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface TftpServerOptions {
  /** The file of a name (relative, normalised) or undefined when there is none; the client's address may decide. */
  readonly open: (name: string, client: Endpoint) => TftpFile | undefined | Promise<TftpFile | undefined>;
  /** Transfers at the same time; further requests wait for the client's own repetition. Default 256. */
  readonly mostTransfers?: number;
}

export interface AcceptedTransfer {
  readonly client: Endpoint;
  readonly fileName: string;
  readonly mode: 'octet' | 'netascii';
  readonly size: number;
  readonly transfer: ReadTransfer;
}

export type TftpAnswer =
  /** Run `accepted.transfer` on a new socket; end the one that it replaces, if any. */
  | { readonly type: 'transfer'; readonly accepted: AcceptedTransfer; readonly replaces: AcceptedTransfer | undefined }
  /** Send this ERROR to the client. */
  | {
      readonly type: 'refused';
      readonly data: Uint8Array;
      readonly fileName: string | undefined;
      readonly reason: string;
    }
  /** Nothing to do: a repeated request, too many transfers, or no request at all. */
  | { readonly type: 'ignored'; readonly reason: 'repeated' | 'busy' | 'stray' };

const defaultMostTransfers = 256;
const longestName = 512;

interface Running {
  readonly accepted: AcceptedTransfer;
  readonly file: TftpFile;
}

export class TftpServer {
  readonly #options: TftpServerOptions;
  readonly #running = new Map<string, Running>();
  /** Clients whose file is being opened: their repeated requests must not open it twice. */
  readonly #opening = new Set<string>();

  constructor(options: TftpServerOptions) {
    this.#options = options;
  }

  get transfers(): number {
    return this.#running.size;
  }

  /** Takes a datagram of the well-known port. Rejects with what `open` raised. */
  async receive(datagram: Uint8Array, from: Endpoint): Promise<TftpAnswer> {
    const key = `${from.address} ${from.port}`;
    const request = this.#parse(datagram);
    if ('type' in request) return request;
    const running = this.#running.get(key);
    const isRepeated = running?.accepted.transfer.isFresh === true && running.accepted.fileName === request.fileName;
    if (isRepeated || this.#opening.has(key)) return { type: 'ignored', reason: 'repeated' };
    const limit = this.#options.mostTransfers ?? defaultMostTransfers;
    if (this.#running.size + this.#opening.size >= limit) return { type: 'ignored', reason: 'busy' };
    this.#opening.add(key);
    try {
      const file = await this.#options.open(request.fileName, from);
      if (file !== undefined) return this.#accept(key, request, file, from);
      return refusal(ErrorCode.fileNotFound, 'file not found', request.fileName);
    } finally {
      this.#opening.delete(key);
    }
  }

  /** The transfer is over, or its socket failed: closes the file and frees its place. */
  finished(accepted: AcceptedTransfer): void {
    for (const [key, running] of this.#running) {
      if (running.accepted !== accepted) continue;
      this.#running.delete(key);
      running.file.close?.();
    }
  }

  #parse(datagram: Uint8Array): TftpAnswer | ReadRequest {
    try {
      const packet = decodePacket(datagram);
      if (packet.opcode !== Opcode.readRequest && packet.opcode !== Opcode.writeRequest) {
        // Never answered: two servers could answer each other's errors for ever.
        return { type: 'ignored', reason: 'stray' };
      }
      return checkRequest(packet);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return refusal(ErrorCode.illegalOperation, error.message, undefined);
    }
  }

  #accept(key: string, { fileName, mode, options }: ReadRequest, file: TftpFile, client: Endpoint): TftpAnswer {
    const before = this.#running.get(key);
    if (before !== undefined) this.finished(before.accepted);
    const isOctet = mode === 'octet';
    const parameters = grantOptions(options, isOctet ? file.size : undefined);
    const source = isOctet ? new OctetSource(file) : new NetasciiSource(file);
    const transfer = new ReadTransfer(source, parameters);
    const accepted = { client, fileName, mode, size: file.size, transfer };
    this.#running.set(key, { accepted, file });
    return { type: 'transfer', accepted, replaces: before?.accepted };
  }
}

interface ReadRequest {
  readonly fileName: string;
  readonly mode: 'octet' | 'netascii';
  readonly options: RequestPacket['options'];
}

function checkRequest(packet: RequestPacket): TftpAnswer | ReadRequest {
  const { mode, options } = packet;
  if (packet.opcode === Opcode.writeRequest) {
    return refusal(ErrorCode.accessViolation, 'this server only gives files', packet.fileName);
  }
  if (mode !== 'octet' && mode !== 'netascii') {
    return refusal(ErrorCode.illegalOperation, `the mode ${mode} is not known`, packet.fileName);
  }
  const fileName = normalizeFileName(packet.fileName);
  if (fileName === undefined || fileName.length > longestName) {
    return refusal(ErrorCode.accessViolation, 'no such name can be asked for', packet.fileName);
  }
  return { fileName, mode, options };
}

function refusal(code: number, reason: string, fileName: string | undefined): TftpAnswer {
  return { type: 'refused', data: errorPacket(code, reason), fileName, reason };
}

/** For a datagram that reaches a transfer's socket from anybody but its client (RFC 1350 §4); the transfer goes on. */
export function unknownTransferId(): Uint8Array {
  return errorPacket(ErrorCode.unknownTransferId, 'unknown transfer ID');
}
