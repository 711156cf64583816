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
  /** Transfers at the same time; further requests wait for the client's own repetition. Default 4096. */
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

const defaultMostTransfers = 4096;
/** Transfers of one port of a client. */
const mostOfOneClient = 2;
const longestName = 512;

interface Running {
  readonly accepted: AcceptedTransfer;
  readonly file: TftpFile;
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

export class TftpServer {
  readonly #options: TftpServerOptions;
  /**
   * By client, oldest first. A request that was doubled on its way may come late: the transfer that goes on must survive the one that
   * it starts, which the client refuses.
   */
  readonly #running = new Map<string, Running[]>();
  #transfers = 0;
  /** Clients whose file is being opened: their repeated requests must not open it twice. */
  readonly #opening = new Set<string>();

  constructor(options: TftpServerOptions) {
    this.#options = options;
  }

  get transfers(): number {
    return this.#transfers;
  }

  /** Takes a datagram of the well-known port. Rejects with what `open` raised. */
  async receive(datagram: Uint8Array, from: Endpoint): Promise<TftpAnswer> {
    const key = keyOf(from);
    const request = this.#parse(datagram);
    if ('type' in request) return request;
    const newest = this.#running.get(key)?.at(-1)?.accepted;
    const isRepeated = newest?.transfer.isFresh === true && newest.fileName === request.fileName;
    if (isRepeated || this.#opening.has(key)) return { type: 'ignored', reason: 'repeated' };
    const limit = this.#options.mostTransfers ?? defaultMostTransfers;
    if (this.#transfers + this.#opening.size >= limit) return { type: 'ignored', reason: 'busy' };
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
    const key = keyOf(accepted.client);
    const running = this.#running.get(key) ?? [];
    const ended = running.find((one) => one.accepted === accepted);
    if (ended === undefined) return;
    const others = running.filter((one) => one !== ended);
    if (others.length === 0) this.#running.delete(key);
    else this.#running.set(key, others);
    this.#transfers--;
    ended.file.close?.();
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
    const oldest = this.#running.get(key)?.at(-mostOfOneClient)?.accepted;
    if (oldest !== undefined) this.finished(oldest);
    const isOctet = mode === 'octet';
    const parameters = grantOptions(options, isOctet ? file.size : undefined);
    const source = isOctet ? new OctetSource(file) : new NetasciiSource(file);
    const transfer = new ReadTransfer(source, parameters);
    const accepted = { client, fileName, mode, size: file.size, transfer };
    this.#running.set(key, [...(this.#running.get(key) ?? []), { accepted, file }]);
    this.#transfers++;
    return { type: 'transfer', accepted, replaces: oldest };
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
