/**
 * The initiator before a target that lies: in its login, in its numbering, in what it sends as data and what it asks for. Whatever it
 * says, every command of the initiator ends in time, with no more data than was asked for, and no failure but one that has a code.
 */

import { DisklessError } from '../../src/bytes/index.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import type { Session } from '../../src/initiator/session.ts';
import { keyRules } from '../../src/iscsi/keys.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  AsyncMessage,
  BasicHeader,
  DataIn,
  DataOut,
  LoginRequest,
  LoginResponse,
  LogoutResponse,
  NopIn,
  ReadyToTransfer,
  Reject,
  ScsiCommand,
  ScsiResponse,
  TaskManagementResponse,
  TextResponse,
} from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { type ScriptedPeer, ScriptedTarget } from '../support/scripted-target.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { anyU32, damaged, near, randomBytes } from './random/bytes.ts';
import { randomKeys } from './random/login.ts';
import { turns } from './turns.ts';

const LUN = new Uint8Array(8);
const keyNames = Object.keys(keyRules);

export class InitiatorWorld {
  readonly violations: string[] = [];
  lastInput = '';
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #target = new ScriptedTarget();
  readonly #initiator: Initiator;
  #peer: ScriptedPeer | undefined;
  #session: Session | undefined;
  /** Commands that came to the target and have no status yet: tag and EDTL. */
  #commands: { tag: number; length: number; write: boolean; sent: number }[] = [];
  /** Tags of requests that are no commands. */
  #requests: number[] = [];
  #pending = new Set<string>();
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#initiator = new Initiator({
      network: this.#target.network,
      clock: this.#clock,
      initiatorName: 'iqn.2026-11.internal.test:initiator',
      isid: Uint8Array.of(0x80, 0, 0, 0, 0, 1),
    });
  }

  async open(): Promise<void> {}

  async input(): Promise<void> {
    if (this.#session === undefined || this.#peer === undefined || this.#peer.closed) await this.#logIn();
    else await this.#exchange(this.#session, this.#peer);
    await this.#take();
  }

  /** Follows a promise of the initiator: it must end, and fail with a code if it fails. */
  #follow<T>(what: string, promise: Promise<T>, check: (value: T) => void = () => {}): void {
    const key = `${what} ${++this.#count}`;
    this.#pending.add(key);
    promise.then(
      (value) => {
        this.#pending.delete(key);
        check(value);
      },
      (error: unknown) => {
        this.#pending.delete(key);
        if (!(error instanceof DisklessError)) {
          this.violations.push(
            `${what} failed without a code: ${error instanceof Error ? error.stack : String(error)}`,
          );
        }
      },
    );
  }

  /** Half of the logins are sound. */
  async #logIn(): Promise<void> {
    this.lastInput = 'a login';
    this.#session = undefined;
    this.#commands = [];
    this.#requests = [];
    const random = this.#random;
    const sound = random.below(8) > 0;
    const discovery = !sound && random.oneIn(4);
    const portal = { host: '192.0.2.1', port: 3260 };
    if (discovery) this.#follow('a discovery', this.#initiator.discover(portal));
    else {
      this.#follow('a login', this.#initiator.login(portal, 'iqn.2026-11.internal.test:target'), (session) => {
        this.#session = session;
        this.#follow('a session', session.closed);
      });
    }
    const peer = await this.#target.accept();
    this.#peer = peer;
    for (let rounds = 0; rounds < 6 && this.#session === undefined && !peer.closed; rounds++) {
      await turns(4);
      while (peer.unread > 0) this.#answerLogin(peer, await peer.next(), sound);
      await turns(4);
    }
    if (this.#session !== undefined || peer.closed) return;
    // It waits for more of a login that will not come.
    this.#clock.advance(20_000);
    await turns(8);
  }

  #answerLogin(peer: ScriptedPeer, request: Pdu, sound: boolean): void {
    const random = this.#random;
    const asked = LoginRequest.view(request.header);
    if (asked.opcode !== Opcode.loginRequest) return;
    peer.expCmdSN = asked.cmdSN;
    const keys =
      asked.currentStage === 0
        ? [
            { key: 'AuthMethod', value: 'None' },
            { key: 'TargetPortalGroupTag', value: '1' },
          ]
        : [{ key: 'InitialR2T', value: random.pick(['Yes', 'No']) }];
    if (!sound && random.oneIn(2)) keys.push(...randomKeys(random));
    if (!sound && random.oneIn(4)) keys.push({ key: keyNames[random.below(keyNames.length)] ?? '', value: '1' });
    const header = LoginResponse.encode({
      opcode: Opcode.loginResponse,
      transit: asked.transit,
      continue: !sound && random.oneIn(6),
      currentStage: asked.currentStage,
      nextStage: asked.nextStage,
      isid: asked.isid,
      tsih: asked.nextStage === 3 ? 7 : 0,
      initiatorTaskTag: asked.initiatorTaskTag,
      statusClass: !sound && random.oneIn(6) ? random.below(5) : 0,
      statusDetail: !sound && random.oneIn(8) ? random.below(16) : 0,
    });
    const data = encodeText(keys);
    if (sound || random.oneIn(2)) peer.send(header, data);
    else peer.send(damaged(random, header).subarray(0, 48), random.oneIn(2) ? data : damaged(random, data));
  }

  /** The initiator asks for something, or the target says something; seldom, time passes. */
  async #exchange(session: Session, peer: ScriptedPeer): Promise<void> {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 25) this.#command(session, random.oneIn(2));
    else if (kind < 27) {
      this.lastInput = 'a text request';
      this.#follow('a text request', session.exchangeText(encodeText([{ key: 'SendTargets', value: 'All' }])));
    } else if (kind < 28) {
      this.lastInput = 'a logout';
      this.#follow('a logout', session.close());
    } else if (kind < 33) {
      this.lastInput = 'time';
      this.#clock.advance(random.pick([1_000, 6_000, 31_000]));
    } else this.#say(peer);
    await turns(4);
  }

  #command(session: Session, write: boolean): void {
    const length = this.#random.pick([0, 1, 8, 512, 4096, 70_000, 300_000]);
    this.lastInput = `a command that ${write ? 'sends' : 'asks for'} ${length} bytes`;
    const request = write
      ? { lun: LUN, cdb: Uint8Array.of(0x2a), write: [new Uint8Array(length)] }
      : { lun: LUN, cdb: Uint8Array.of(0x28), readLength: length };
    this.#follow('a command', session.execute(request), ({ data, dataLength }) => {
      const sum = data.reduce((total, part) => total + part.length, 0);
      if (sum !== dataLength || sum > (write ? 0 : length)) {
        this.violations.push(`a command for ${write ? 0 : length} bytes gave ${sum}, said to be ${dataLength}`);
      }
    });
  }

  /** What the initiator has sent. Data goes out only for commands that write, and only the data they have. */
  async #take(): Promise<void> {
    const peer = this.#peer;
    while (peer !== undefined && peer.unread > 0) {
      const pdu = await peer.next();
      const header = BasicHeader.view(pdu.header);
      if (header.opcode === Opcode.scsiCommand) {
        const { initiatorTaskTag: tag, expectedDataTransferLength: length, write } = ScsiCommand.view(pdu.header);
        this.#commands.push({ tag, length, write, sent: pdu.dataLength });
      } else if (header.opcode === Opcode.dataOut) {
        const { initiatorTaskTag, bufferOffset } = DataOut.view(pdu.header);
        const command = this.#commands.findLast(({ tag }) => tag === initiatorTaskTag);
        if (command?.write !== true || bufferOffset + pdu.dataLength > command.length) {
          this.violations.push(`${pdu.dataLength} bytes at ${bufferOffset} were sent for tag ${initiatorTaskTag}`);
        }
      } else this.#requests.push(header.initiatorTaskTag);
    }
    if (this.#commands.length > 200) this.#commands.splice(0, 100);
    if (this.#requests.length > 200) this.#requests.splice(0, 100);
  }

  #say(peer: ScriptedPeer): void {
    const random = this.#random;
    const command = this.#commands[random.below(Math.max(1, this.#commands.length))];
    const request = this.#requests.at(-1) ?? anyU32(random);
    const tag = command === undefined || random.oneIn(20) ? anyU32(random) : command.tag;
    const honest = random.below(6) > 0;
    const length = command?.length ?? 512;
    const [header, data] = this.#answer(random, { tag, request, length, honest });
    this.lastInput = `${Buffer.from(header).toString('hex')} + ${data.length}`;
    if (random.oneIn(12)) {
      const changed = damaged(random, header);
      this.lastInput += ` damaged: ${changed.toString('hex')}`;
      if (random.oneIn(3)) peer.sendBytes(changed);
      else peer.send(changed.subarray(0, 48), data);
    } else peer.send(header, data);
  }

  #answer(
    random: Random,
    about: { tag: number; request: number; length: number; honest: boolean },
  ): readonly [Uint8Array, Uint8Array] {
    const { tag, request, length, honest } = about;
    const size = honest ? Math.min(length, 8192) : random.below(9000);
    const data = randomBytes(random, size);
    const none = new Uint8Array(0);
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
        return [
          DataIn.encode({
            opcode: Opcode.dataIn,
            final: honest || random.oneIn(2),
            hasStatus: random.oneIn(2),
            status: !honest && random.oneIn(4) ? random.below(256) : 0,
            initiatorTaskTag: tag,
            dataSN: honest ? 0 : near(random, 1),
            bufferOffset: honest ? 0 : anyU32(random),
          }),
          data,
        ];
      case 3:
      case 4:
      case 5: {
        const sense = Buffer.concat([
          Uint8Array.of(0, random.pick([18, 0, 255, 8])),
          randomBytes(random, random.below(40)),
        ]);
        if (random.oneIn(2) && sense.length > 2) sense[2] = random.pick([0x70, 0x71, 0x72, 0x73]);
        return [
          ScsiResponse.encode({
            opcode: Opcode.scsiResponse,
            final: true,
            response: honest ? 0 : random.below(256),
            status: random.pick([0, 2, 2, 8, 0x18, 0x28, 0x40, 0xff]),
            initiatorTaskTag: tag,
          }),
          honest || random.oneIn(2) ? sense : none,
        ];
      }
      case 6:
      case 7:
        return [
          ReadyToTransfer.encode({
            opcode: Opcode.readyToTransfer,
            final: true,
            lun: honest ? LUN : randomBytes(random, 8),
            initiatorTaskTag: tag,
            targetTransferTag: anyU32(random),
            r2tSN: honest ? 0 : random.below(4),
            bufferOffset: near(random, 0),
            desiredDataTransferLength: near(random, length),
          }),
          none,
        ];
      case 8: {
        const values = { final: true, initiatorTaskTag: request, response: random.oneIn(2) ? 0 : random.below(256) };
        if (random.oneIn(2)) return [LogoutResponse.encode({ ...values, opcode: Opcode.logoutResponse }), none];
        return [TaskManagementResponse.encode({ ...values, opcode: Opcode.taskManagementResponse }), none];
      }
      case 9:
        return [
          TextResponse.encode({
            opcode: Opcode.textResponse,
            ...textFlags(random, honest),
            initiatorTaskTag: request,
          }),
          encodeText(randomKeys(random)),
        ];
      case 10:
        return [
          NopIn.encode({
            opcode: Opcode.nopIn,
            final: true,
            initiatorTaskTag: random.oneIn(2) ? RESERVED_TAG : request,
            targetTransferTag: random.oneIn(2) ? RESERVED_TAG : anyU32(random),
            lun: randomBytes(random, 8),
          }),
          data.subarray(0, 64),
        ];
      case 11:
        return [
          Reject.encode({
            opcode: Opcode.reject,
            final: true,
            initiatorTaskTag: RESERVED_TAG,
            reason: random.below(16),
          }),
          random.oneIn(3)
            ? randomBytes(random, random.below(60))
            : ScsiCommand.encode({ opcode: Opcode.scsiCommand, initiatorTaskTag: random.oneIn(2) ? tag : request }),
        ];
      case 12:
        return [
          AsyncMessage.encode({
            opcode: Opcode.asyncMessage,
            final: true,
            initiatorTaskTag: RESERVED_TAG,
            // Those that end the session come seldom.
            asyncEvent: random.below(5) > 0 ? random.pick([0, 4, 255]) : random.below(256),
            parameter1: anyU32(random) & 0xffff,
            parameter2: anyU32(random) & 0xffff,
            parameter3: anyU32(random) & 0xffff,
          }),
          random.oneIn(2) ? none : data.subarray(0, 100),
        ];
      default: {
        const header = randomBytes(random, 48);
        header.fill(0, 4, 8);
        return [header, random.oneIn(2) ? none : data.subarray(0, 600)];
      }
    }
  }

  /** The target falls silent: everything the initiator waits for ends by its time limits. */
  async close(): Promise<void> {
    const session = this.#session;
    if (session !== undefined) this.#follow('a logout', session.close());
    for (let step = 0; step < 30 && this.#pending.size > 0; step++) {
      this.#clock.advance(10_000);
      await turns(6);
    }
    for (const what of this.#pending) this.violations.push(`${what} never ends`);
    if (this.#clock.pending > 0) this.violations.push(`${this.#clock.pending} timers are left`);
  }
}

/** Whether a text goes on, and the tag to go on by: an honest target's fit each other. */
function textFlags(random: Random, honest: boolean): Partial<TextResponse> {
  const final = random.oneIn(2);
  const isContinued = honest ? !final && random.oneIn(2) : random.oneIn(3);
  const hasTag = honest ? !final : random.oneIn(2);
  return { final, continue: isContinued, targetTransferTag: hasTag ? random.below(RESERVED_TAG) : RESERVED_TAG };
}
