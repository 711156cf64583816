import { Initiator, type InitiatorOptions } from '../../src/initiator/initiator.ts';
import type { Session } from '../../src/initiator/session.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  LogoutResponse,
  ScsiCommand,
  ScsiResponse,
  TaskManagementRequest,
  TaskManagementResponse,
} from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import { type ScriptedPeer, ScriptedTarget } from '../support/scripted-target.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import type { LineOptions } from '../support/simulated-tcp.ts';

export const portal = { host: '192.0.2.1', port: 3260 };
export const targetName = 'iqn.2001-04.com.example:disk';
export const lun = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0);

export interface Rig {
  readonly clock: SimulatedClock;
  readonly target: ScriptedTarget;
  readonly initiator: Initiator;
}

export function rig(line: LineOptions = {}, options: Partial<InitiatorOptions> = {}): Rig {
  const clock = new SimulatedClock();
  const target = new ScriptedTarget(line);
  const initiatorName = 'iqn.2001-04.com.example:client';
  const initiator = new Initiator({ network: target.network, clock, initiatorName, ...options });
  return { clock, target, initiator };
}

/** A session whose login the target has accepted with these keys. */
export async function openSession(
  { initiator, target }: Rig,
  keys: Readonly<Record<string, string>> = {},
): Promise<{ session: Session; peer: ScriptedPeer }> {
  const session = initiator.login(portal, targetName);
  const peer = await target.accept();
  await peer.logIn(keys);
  return { session: await session, peer };
}

export function opcodeOf(pdu: Pdu): number {
  return (pdu.header[0] ?? 0) & 0x3f;
}

/** Answers a command with a status and sense data. */
export function respond(peer: ScriptedPeer, command: Pdu, status = 0, sense: Uint8Array = new Uint8Array(0)): void {
  const { initiatorTaskTag } = ScsiCommand.view(command.header);
  const data = new Uint8Array(sense.length === 0 ? 0 : 2 + sense.length);
  if (sense.length > 0) {
    data[1] = sense.length;
    data.set(sense, 2);
  }
  peer.send(ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, status }), data);
}

/** Answers the initiator's logout, as a target in good order does. */
export async function acceptLogout(peer: ScriptedPeer): Promise<Pdu> {
  const request = await peer.next();
  const { initiatorTaskTag } = ScsiCommand.view(request.header);
  peer.send(LogoutResponse.encode({ opcode: Opcode.logoutResponse, final: true, initiatorTaskTag }));
  return request;
}

/** Answers the initiator's ABORT TASK, as a target does that has let go of the task. */
export async function acceptAbort(peer: ScriptedPeer, response = 0): Promise<TaskManagementRequest> {
  const { header } = await peer.next();
  const { initiatorTaskTag } = TaskManagementRequest.view(header);
  const answer = { opcode: Opcode.taskManagementResponse, final: true, initiatorTaskTag, response };
  peer.send(TaskManagementResponse.encode(answer));
  return TaskManagementRequest.view(header);
}

/** Bytes that tell from themselves where they belong. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 2_654_435_761) >>> 11);
}
