/** An initiator that asks by CDBs in hexadecimal, and tells answers in one word. */

import { Opcode } from '../../../src/iscsi/opcode.ts';
import { TaskManagementRequest, TaskManagementResponse } from '../../../src/iscsi/pdu.ts';
import { decodeSense, encodeLun, type Sense, Status } from '../../../src/scsi/index.ts';
import type { RawInitiator, Result } from '../raw-initiator.ts';
import { type ServedTarget, TARGET } from '../served-target.ts';

export interface Answer {
  /** `good`, `conflict`, or the sense as `05/2400`. */
  readonly says: string;
  readonly data: Buffer;
  readonly sense: Sense | undefined;
}

export class Asker {
  readonly raw: RawInitiator;

  private constructor(raw: RawInitiator) {
    this.raw = raw;
  }

  /** Another `port` is another nexus of the same initiator. */
  static async login(served: ServedTarget, port = 1): Promise<Asker> {
    const raw = await served.connect();
    await raw.login({ targetName: TARGET, isid: `80000000000${port}` });
    return new Asker(raw);
  }

  /** Runs a command that reads up to `length` bytes. */
  async ask(cdb: string, length = 255, lun = 0): Promise<Answer> {
    return answer(await this.raw.run(bytes(cdb), { length, lun }));
  }

  /** Runs a command with data for it. */
  async give(cdb: string, data: Uint8Array | string, lun = 0): Promise<Answer> {
    return this.answerTo(this.send(cdb, data, lun));
  }

  /** Sends a command with its data, and gives the tag. */
  send(cdb: string, data: Uint8Array | string = '', lun = 0): number {
    const immediateData = typeof data === 'string' ? Buffer.from(data.replaceAll(' ', ''), 'hex') : data;
    const { length } = immediateData;
    return this.raw.command(bytes(cdb), length === 0 ? { lun } : { direction: 'write', length, immediateData, lun });
  }

  async answerTo(tag: number): Promise<Answer> {
    return answer(await this.raw.result(tag));
  }

  /** A task management function for LUN 0: its response code. */
  async manage(fn: number, referencedTaskTag = 0xffff_ffff): Promise<number> {
    const header = TaskManagementRequest.encode({
      opcode: Opcode.taskManagementRequest,
      immediate: true,
      final: true,
      function: fn,
      lun: encodeLun(0),
      initiatorTaskTag: this.raw.newTag(),
      referencedTaskTag,
      cmdSN: this.raw.cmdSN,
    });
    this.raw.send(header);
    const pdu = await this.raw.expect(Opcode.taskManagementResponse);
    return TaskManagementResponse.view(pdu.header).response;
  }
}

/** A CDB in its field of sixteen bytes; longer ones go on in additional headers. */
function bytes(cdb: string): Uint8Array {
  const given = Buffer.from(cdb.replaceAll(' ', ''), 'hex');
  return given.length > 16 ? given : Buffer.concat([given, Buffer.alloc(16 - given.length)]);
}

function answer({ status, data, sense: senseData }: Result): Answer {
  const sense = decodeSense(senseData);
  return { says: word(status, sense), data: Buffer.from(data), sense };
}

function word(status: number, sense: Sense | undefined): string {
  if (status === Status.good) return 'good';
  if (status === Status.reservationConflict) return 'conflict';
  if (sense === undefined) return `status ${status}`;
  return `${sense.key.toString(16).padStart(2, '0')}/${sense.code.toString(16).padStart(4, '0')}`;
}

/** Lets everything go on that does not wait for something outside. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}
