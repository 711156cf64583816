/** An initiator port with a session of its own, which runs one command after the other. */

import { Opcode } from '../../../src/iscsi/opcode.ts';
import { TaskManagementFunction, TaskManagementResponseCode } from '../../../src/iscsi/pdu.ts';
import { decodeSense } from '../../../src/scsi/sense.ts';
import type { Random } from '../../support/random.ts';
import { type CommandOptions, RawInitiator, type Result } from '../../target/raw-initiator.ts';
import type { WatchedPortal } from '../portal/watched-portal.ts';
import { turns } from '../turns.ts';
import { cdbOf } from './cdb.ts';
import type { Command } from './command.ts';
import type { Answer } from './expected.ts';
import type { InitiatorPort } from './ports.ts';

/** Data that goes with a command is no longer than this; what is longer is asked for (RFC 7143 §13.12). */
const LONGEST_IMMEDIATE_DATA = 8192;
const SEGMENT = 8192;

/** Turns in which the target has heard of the end of a connection. */
const ENDING_TURNS = 4;

export type Leaving = 'logout' | 'cut' | 'nexus reset' | 'reinstatement';

/** Who logs in, and where. */
interface Place {
  readonly portal: WatchedPortal;
  readonly port: InitiatorPort;
  readonly targetName: string;
}

/** By the later protocol level, at which a port can reset its own nexus (RFC 7144 §6.3). */
async function openSession({ portal, port, targetName }: Place): Promise<RawInitiator> {
  const raw = new RawInitiator(portal.network.connect());
  await raw.login({ ...port, targetName, keys: { iSCSIProtocolLevel: '2' } });
  return raw;
}

export class AskingPort {
  readonly #place: Place;
  #raw: RawInitiator;

  private constructor(place: Place, raw: RawInitiator) {
    this.#place = place;
    this.#raw = raw;
  }

  static async logIn(place: Place): Promise<AskingPort> {
    return new AskingPort(place, await openSession(place));
  }

  async logInAnew(): Promise<void> {
    this.#raw = await openSession(this.#place);
  }

  /** Ends the session, but for the last of the ways: a login of the same port ends that one (RFC 7143 §6.3.5). */
  async leave(way: Leaving): Promise<void> {
    if (way === 'logout') {
      this.#raw.logout();
      await this.#raw.expect(Opcode.logoutResponse);
    } else if (way === 'cut') {
      this.#raw.tcp.destroy();
    } else if (way === 'nexus reset' && !(await this.manage(TaskManagementFunction.itNexusReset, 0))) {
      throw new Error('the nexus was not reset');
    }
    if (way !== 'reinstatement') await this.ended();
  }

  /** Done when the target has ended the session. */
  async ended(): Promise<void> {
    await this.#raw.closed;
    await turns(ENDING_TURNS);
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
