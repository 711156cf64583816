/** An iSCSI target that does what a test's script says, over connections in memory. */

import { Opcode } from '../../src/iscsi/opcode.ts';
import { LoginRequest, LoginResponse, LoginStage, ScsiCommand } from '../../src/iscsi/pdu.ts';
import { type Pdu, PduReader } from '../../src/iscsi/pdu-reader.ts';
import { type PduDigests, writePdu } from '../../src/iscsi/pdu-writer.ts';
import { decodeText, encodeText, type TextPair } from '../../src/iscsi/text.ts';
import type { Endpoint, Network, TcpConnection } from '../../src/os/network.ts';
import { checkHeaderForm } from './header-form.ts';
import { type LineOptions, SimulatedTcp } from './simulated-tcp.ts';

export class ScriptedTarget {
  /** Where the initiator connected to, in order. */
  readonly connectedTo: Endpoint[] = [];
  readonly #peers: ScriptedPeer[] = [];
  readonly #waiting: ((peer: ScriptedPeer) => void)[] = [];
  readonly #line: LineOptions;

  constructor(line: LineOptions = {}) {
    this.#line = line;
  }

  /** A network on which this target answers at every address. */
  get network(): Network {
    const no = () => {
      throw new Error('a scripted target has no such thing');
    };
    return {
      listenTcp: no,
      openUdp: no,
      interfaces: () => [],
      resolve: async (host) => [host],
      connectTcp: async (endpoint) => this.#connect(endpoint),
    };
  }

  /** The next connection of the initiator. */
  accept(): Promise<ScriptedPeer> {
    const peer = this.#peers.shift();
    if (peer !== undefined) return Promise.resolve(peer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #connect(endpoint: Endpoint): TcpConnection {
    this.connectedTo.push(endpoint);
    const [initiators, targets] = SimulatedTcp.pair({ address: '192.0.2.7', port: 40_000 }, endpoint, this.#line);
    const peer = new ScriptedPeer(targets);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#peers.push(peer);
    else waiting(peer);
    return initiators;
  }
}

/** What a Login Response says otherwise than the request asks for. */
export type LoginAnswer = Partial<
  Pick<
    LoginResponse,
    'transit' | 'continue' | 'currentStage' | 'nextStage' | 'versionActive' | 'tsih' | 'initiatorTaskTag'
  >
>;

/** The target's end of one connection. */
export class ScriptedPeer {
  readonly #connection: TcpConnection;
  readonly #reader = new PduReader({ maxDataSegmentLength: 1 << 24, headerDigest: false, dataDigest: false });
  readonly #received: Pdu[] = [];
  #digests: PduDigests = { headerDigest: false, dataDigest: false };
  #wake: (() => void) | undefined;
  #closed = false;
  /** StatSN of the next status. */
  statSN = 100;
  expCmdSN = 1;
  /** How many commands it takes beyond the last one that came. */
  window = 32;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
    connection.start({
      data: (chunk) => this.#take(chunk),
      drain: () => {},
      closed: () => {
        this.#closed = true;
        this.#wake?.();
      },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  #take(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) this.#receive(pdu);
    this.#wake?.();
  }

  #receive(pdu: Pdu): void {
    checkHeaderForm(pdu.header);
    if (!pdu.dataDigestOk) throw new Error('the initiator sent a wrong data digest');
    this.#received.push(pdu);
    const header = ScsiCommand.view(pdu.header);
    if (header.opcode === Opcode.scsiCommand && !header.immediate) this.expCmdSN = (header.cmdSN + 1) >>> 0;
  }

  /** PDUs that came and that nobody has asked for. */
  get unread(): number {
    return this.#received.length;
  }

  /** The next PDU of the initiator. Rejects when the connection ends first. */
  async next(): Promise<Pdu> {
    for (;;) {
      const pdu = this.#received.shift();
      if (pdu !== undefined) return pdu;
      if (this.#closed) throw new Error('the initiator closed the connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a header with its data; numbering that all PDUs share is filled in, StatSN used up when the PDU carries a status. */
  send(header: Uint8Array, data: Uint8Array = new Uint8Array(0), carriesStatus = true): void {
    this.sendBytes(this.#encode(header, data, carriesStatus));
  }

  /** Sends a PDU of which a byte changes on the way: digests show it. */
  sendDamaged(part: 'header' | 'data', header: Uint8Array, data: Uint8Array): void {
    const bytes = this.#encode(header, data, true);
    const at = part === 'header' ? 40 : bytes.indexOf(data);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    this.sendBytes(bytes);
  }

  #encode(header: Uint8Array, data: Uint8Array, carriesStatus: boolean): Buffer {
    const numbered = Uint8Array.from(header);
    LoginResponse.write(numbered, 0, {
      statSN: this.statSN,
      expCmdSN: this.expCmdSN,
      maxCmdSN: (this.expCmdSN + this.window - 1) >>> 0,
    });
    if (carriesStatus) this.statSN = (this.statSN + 1) >>> 0;
    const parts: Uint8Array[] = [];
    writePdu((part) => parts.push(part), numbered, data.length === 0 ? [] : [data], this.#digests);
    return Buffer.concat(parts);
  }

  /** What the login has agreed on, from the next PDU on. */
  useDigests(digests: PduDigests): void {
    this.#digests = digests;
    this.#reader.configure({ maxDataSegmentLength: 1 << 24, ...digests });
  }

  sendBytes(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  /** Ends the connection from the target's side. */
  close(): void {
    this.#connection.end();
  }

  /** Plays a login in two steps and declares these keys in the second. Returns the initiator's first request with its keys. */
  async logIn(keys: Readonly<Record<string, string>> = {}): Promise<{ request: Pdu; keys: Map<string, string> }> {
    const request = await this.next();
    this.answerLogin(request, { AuthMethod: 'None', TargetPortalGroupTag: '1' });
    this.answerLogin(await this.next(), keys);
    const text = decodeText(Buffer.concat(request.data));
    return { request, keys: new Map(text.map(({ key, value }) => [key, value])) };
  }

  /** Answers one Login Request: it gets the stage that it asks for, unless `fields` say otherwise. */
  answerLogin(
    request: Pdu,
    keys: Readonly<Record<string, string>> | readonly TextPair[],
    fields: LoginAnswer = {},
  ): void {
    const asked = LoginRequest.view(request.header);
    this.expCmdSN = asked.cmdSN;
    const header = LoginResponse.encode({
      opcode: Opcode.loginResponse,
      transit: asked.transit,
      currentStage: asked.currentStage,
      nextStage: asked.nextStage,
      isid: asked.isid,
      tsih: asked.nextStage === LoginStage.fullFeaturePhase ? 7 : 0,
      initiatorTaskTag: asked.initiatorTaskTag,
      ...fields,
    });
    this.send(header, encodeText(Array.isArray(keys) ? keys : pairsOf(keys)));
  }

  /** Ends a login with a status: class in the high byte, detail in the low one. */
  async refuseLogin(status: number, keys: Readonly<Record<string, string>> = {}): Promise<void> {
    const asked = LoginRequest.view((await this.next()).header);
    const header = LoginResponse.encode({
      opcode: Opcode.loginResponse,
      initiatorTaskTag: asked.initiatorTaskTag,
      statusClass: status >> 8,
      statusDetail: status & 0xff,
    });
    this.send(header, encodeText(pairsOf(keys)));
  }
}

function pairsOf(keys: object): TextPair[] {
  return Object.entries(keys).map(([key, value]) => ({ key, value: String(value) }));
}
