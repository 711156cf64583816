/** An honest session beside the attackers, with two connections: it writes and reads a disk of its own, and always gets its own data. */

import { Opcode } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, DataIn, ScsiCommand, ScsiResponse } from '../../../src/iscsi/pdu.ts';
import { encodeLun, Status, Transfer10Cdb } from '../../../src/scsi/index.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { ObservedSession } from '../observed/session.ts';
import { join, type Scene } from '../portal/log-in.ts';
import { randomBytes } from '../random/bytes.ts';
import { randomTerms } from '../random/login.ts';
import { QUIET } from './attacked-target.ts';

const BLOCK = 512;
/** What it transfers at most: as much as may go with a command. */
const LONGEST = 8;

/** It knows no R2Ts. */
const terms = { maxConnections: 2, immediateData: true, firstBurstLength: 4096, maxBurstLength: 65_536 };

/** Something that is under way. */
export interface Exchange {
  done(): boolean;
  /** Looks at what has come, which is the last thing that is done with it. */
  check(): void;
}

export class Bystander {
  readonly #session: ObservedSession;
  readonly #random: Random;
  readonly #onViolation: (what: string) => void;
  /** What its disk holds. */
  readonly #content: Buffer;

  constructor(random: Random, content: Buffer, onViolation: (what: string) => void) {
    this.#random = random;
    this.#content = content;
    this.#onViolation = onViolation;
    this.#session = new ObservedSession('bystander', { ...randomTerms(random), ...terms }, onViolation);
  }

  async open(scene: Scene): Promise<void> {
    const place = { targetName: QUIET, isid: '800000000003' };
    for (const cid of [1, 2]) await join(scene, this.#session, place, cid);
  }

  close(): void {
    this.#session.close();
  }

  /** One READ or WRITE. */
  begin(): Exchange {
    const random = this.#random;
    const { open } = this.#session;
    const connection = open[random.below(open.length)];
    if (open.length < 2 || connection === undefined) {
      return { done: () => true, check: () => this.#onViolation('the bystander was dropped') };
    }
    const blocks = 1 + random.below(LONGEST);
    const lba = random.below(this.#content.length / BLOCK - blocks);
    return random.oneIn(2) ? this.#read(connection, lba, blocks) : this.#write(connection, lba, blocks);
  }

  #read(connection: ObservedConnection, lba: number, blocks: number): Exchange {
    const tag = this.#send(connection, lba, blocks, undefined);
    return this.#exchange(connection, tag, () => {
      const data = Buffer.concat(connection.taken(tag).flatMap((pdu) => pdu.data));
      const right = this.#content.subarray(lba * BLOCK, (lba + blocks) * BLOCK);
      if (data.equals(right)) return;
      this.#onViolation(`the bystander asked for ${right.length} bytes at block ${lba} and got ${data.length} others`);
    });
  }

  #write(connection: ObservedConnection, lba: number, blocks: number): Exchange {
    const data = randomBytes(this.#random, blocks * BLOCK);
    const tag = this.#send(connection, lba, blocks, data);
    this.#content.set(data, lba * BLOCK);
    return this.#exchange(connection, tag, () => {});
  }

  #send(connection: ObservedConnection, lba: number, blocks: number, data: Uint8Array | undefined): number {
    const { session } = connection;
    const tag = session.probeTag();
    connection.keep(tag);
    const operationCode = data === undefined ? 0x28 : 0x2a;
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: true,
      read: data === undefined,
      write: data !== undefined,
      attribute: 1,
      lun: encodeLun(0),
      initiatorTaskTag: tag,
      expectedDataTransferLength: blocks * BLOCK,
      cmdSN: session.expCmdSN,
      expStatSN: connection.expStatSN,
      cdb: Transfer10Cdb.encode({ operationCode, logicalBlockAddress: lba, transferLength: blocks }),
    });
    connection.send(header, data);
    return tag;
  }

  #exchange(connection: ObservedConnection, tag: number, check: () => void): Exchange {
    return {
      done: () => connection.closed || statusOf(connection, tag) !== undefined,
      check: () => {
        const status = statusOf(connection, tag);
        if (status === Status.good) check();
        else this.#onViolation(`the bystander got ${status === undefined ? 'no answer' : `status ${status}`}`);
        connection.forget(tag);
      },
    };
  }
}

function statusOf(connection: ObservedConnection, tag: number): number | undefined {
  const last = connection.taken(tag).at(-1);
  if (last === undefined) return undefined;
  const { opcode } = BasicHeader.view(last.header);
  if (opcode === Opcode.scsiResponse) return ScsiResponse.view(last.header).status;
  const { hasStatus, status } = DataIn.view(last.header);
  return hasStatus ? status : undefined;
}
