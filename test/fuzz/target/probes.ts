/** Whether a connection still answers: a ping, and TEST UNIT READY ahead of everything that may wait for ever. */

import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { NopOut, RejectReason, ScsiCommand } from '../../../src/iscsi/pdu.ts';
import { encodeLun } from '../../../src/scsi/index.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { randomBytes } from '../random/bytes.ts';

export interface Probe {
  readonly name: string;
  done(): boolean;
  /** What is wrong with the answer, or with there being none. The last thing that is done with it. */
  verdict(): string | undefined;
}

/** Fills up a PDU that has begun, so that what follows is one of its own. False when that cannot be. */
export function completePdu(connection: ObservedConnection): boolean {
  for (let rounds = 0; connection.missing > 0 && rounds < 4; rounds++) {
    if (connection.missing > 1 << 20) {
      connection.close();
      return false;
    }
    connection.write(Buffer.alloc(connection.missing));
  }
  return connection.missing === 0 && !connection.closed;
}

export function ping(random: Random, connection: ObservedConnection): Probe {
  const { session } = connection;
  const tag = session.probeTag();
  const data = randomBytes(random, 8);
  const header = NopOut.encode({
    opcode: Opcode.nopOut,
    immediate: true,
    final: true,
    initiatorTaskTag: tag,
    targetTransferTag: RESERVED_TAG,
    cmdSN: session.expCmdSN,
    expStatSN: connection.expStatSN,
  });
  return probe('a ping', connection, tag, header, data);
}

export function testUnitReady(random: Random, connection: ObservedConnection): Probe {
  const { session } = connection;
  const tag = session.probeTag();
  const header = ScsiCommand.encode({
    opcode: Opcode.scsiCommand,
    immediate: true,
    final: true,
    attribute: 3,
    lun: encodeLun(random.below(2)),
    initiatorTaskTag: tag,
    cmdSN: session.expCmdSN,
    expStatSN: connection.expStatSN,
    cdb: new Uint8Array(16),
  });
  return probe('TEST UNIT READY', connection, tag, header);
}

function probe(
  name: string,
  connection: ObservedConnection,
  tag: number,
  header: Uint8Array,
  data?: Uint8Array,
): Probe {
  connection.keep(tag);
  connection.send(header, data);
  const isAnswered = (): boolean =>
    connection.taken(tag).length > 0 || connection.rejection(header) === RejectReason.immediateCommandReject;
  const verdict = (): string | undefined => {
    const [answer] = connection.taken(tag);
    connection.forget(tag);
    if (connection.closed || connection.rejection(header) === RejectReason.immediateCommandReject) return undefined;
    if (answer === undefined) return `${connection.name} gets no answer to ${name}, and is not dropped`;
    const isEcho = data === undefined || Buffer.concat(answer.data).equals(data);
    return isEcho ? undefined : `${connection.name}: ${name} came back with other data`;
  };
  return { name, done: () => connection.closed || isAnswered(), verdict };
}
