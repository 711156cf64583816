/** An initiator port with a session of its own, which runs one command after the other. */

import { Opcode } from '../../../src/iscsi/opcode.ts';
import { TaskManagementResponseCode } from '../../../src/iscsi/pdu.ts';
import { decodeSense } from '../../../src/scsi/sense.ts';
import type { Random } from '../../support/random.ts';
import { type CommandOptions, RawInitiator, type Result } from '../../target/raw-initiator.ts';
import type { WatchedPortal } from '../portal/watched-portal.ts';
import { cdbOf } from './cdb.ts';
import type { Command } from './command.ts';
import type { Answer } from './expected.ts';
import type { InitiatorPort } from './ports.ts';

/** Data that goes with a command is no longer than this; what is longer is asked for (RFC 7143 §13.12). */
const LONGEST_IMMEDIATE_DATA = 8192;
const SEGMENT = 8192;

export class AskingPort {
  readonly #portal: WatchedPortal;
  readonly #port: InitiatorPort;
  readonly #targetName: string;
  #raw: RawInitiator;

  constructor(portal: WatchedPortal, port: InitiatorPort, targetName: string) {
    this.#portal = portal;
    this.#port = port;
    this.#targetName = targetName;
    this.#raw = new RawInitiator(portal.network.connect());
  }

  async logIn(): Promise<void> {
    await this.#raw.login({ ...this.#port, targetName: this.#targetName });
  }

  async logOut(): Promise<void> {
    this.#raw.logout();
    await this.#raw.expect(Opcode.logoutResponse);
    await this.#raw.closed;
    this.#raw = new RawInitiator(this.#portal.network.connect());
  }

  /** A new session in the place of the old one (RFC 7143 §6.3.5). */
  async logInAnew(): Promise<void> {
    this.#raw = new RawInitiator(this.#portal.network.connect());
    await this.logIn();
  }

  async run(lun: number, command: Command, random: Random): Promise<Answer> {
    return answerOf(await this.#send(lun, command, random));
  }

  #send(lun: number, command: Command, random: Random): Promise<Result> {
    const { data, room } = command;
    const field = fieldOf(cdbOf(command));
    if (data.length === 0) {
      return this.#raw.run(field, { lun, length: room, direction: room > 0 ? 'read' : 'none' });
    }
    const options: CommandOptions = { lun, length: data.length, direction: 'write' };
    const isImmediate = data.length <= LONGEST_IMMEDIATE_DATA && !random.oneIn(3);
    if (isImmediate) return this.#raw.run(field, { ...options, immediateData: data });
    return this.#raw.writeBySolicitation(this.#raw.command(field, options), data, SEGMENT, lun);
  }

  /** Whether the function was completed. */
  async manage(fn: number, lun: number): Promise<boolean> {
    this.#raw.manage(fn, { lun });
    const { response } = await this.#raw.managed();
    return response === TaskManagementResponseCode.functionComplete;
  }
}

/** A CDB in its field of sixteen bytes; longer ones go on in an additional header. */
function fieldOf(cdb: Buffer): Buffer {
  return cdb.length >= 16 ? cdb : Buffer.concat([cdb, Buffer.alloc(16 - cdb.length)]);
}

function answerOf({ status, data, sense, residual }: Result): Answer {
  const responseCode = (sense[0] ?? 0) & 0x7f;
  const senseFormat = sense.length === 0 ? undefined : responseCode >= 0x72 ? 'descriptor' : 'fixed';
  return { status, sense: decodeSense(sense), senseFormat, data: Buffer.from(data), residual };
}
