/** A login that a test plays request by request: any field, any key, right or wrong. */

import { Opcode } from '../../src/iscsi/opcode.ts';
import { BasicHeader, LoginRequest, LoginResponse, LoginStage } from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import { decodeText, encodeText, type TextPair } from '../../src/iscsi/text.ts';
import { INITIATOR, type RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, TARGET } from './served-target.ts';

export const {
  securityNegotiation: SECURITY,
  loginOperationalNegotiation: OPERATIONAL,
  fullFeaturePhase: FULL,
} = LoginStage;

export interface LoginFields {
  readonly stage?: number;
  /** The stage to go to: sets T and NSG. */
  readonly to?: number;
  /** C: more of the text follows. */
  readonly more?: boolean;
  readonly transit?: boolean;
  readonly isid?: string;
  readonly tsih?: number;
  readonly cid?: number;
  readonly tag?: number;
  readonly cmdSN?: number;
  readonly versionMax?: number;
  readonly versionMin?: number;
}

/** As an object; as pairs, where a key comes twice; as bytes, where it is no text. */
export type Keys = Readonly<Record<string, string>> | TextPair[] | Uint8Array;

export interface LoginReply {
  /** Status-Class << 8 | Status-Detail. */
  readonly status: number;
  readonly header: LoginResponse;
  readonly pdu: Pdu;
  readonly text: Uint8Array;
  readonly keys: ReadonlyMap<string, string>;
}

/** What the first request of a normal session must say. */
export const names = { InitiatorName: INITIATOR, TargetName: TARGET } as const;

export class RawLogin {
  readonly raw: RawInitiator;
  /** What every request carries unless it says otherwise. */
  readonly #fields: LoginFields;

  constructor(raw: RawInitiator, fields: LoginFields = {}) {
    this.raw = raw;
    this.#fields = fields;
  }

  static async open(served: ServedTarget, fields: LoginFields = {}): Promise<RawLogin> {
    return new RawLogin(await served.connect(), fields);
  }

  /** Sends a request without waiting for its answer. */
  send(keys: Keys, fields: LoginFields = {}): void {
    const all = { ...this.#fields, ...fields };
    const header = LoginRequest.encode({
      opcode: Opcode.loginRequest,
      immediate: true,
      transit: all.transit ?? all.to !== undefined,
      continue: all.more ?? false,
      currentStage: all.stage ?? OPERATIONAL,
      nextStage: all.to ?? 0,
      versionMax: all.versionMax ?? 0,
      versionMin: all.versionMin ?? 0,
      isid: Buffer.from(all.isid ?? '800000000001', 'hex'),
      tsih: all.tsih ?? 0,
      cid: all.cid ?? 1,
      initiatorTaskTag: all.tag ?? 1,
      cmdSN: all.cmdSN ?? this.raw.cmdSN,
      expStatSN: this.raw.expStatSN,
    });
    this.raw.send(header, textOf(keys));
  }

  /** Sends a request and gives its answer; undefined when the connection ends instead. */
  async ask(keys: Keys, fields: LoginFields = {}): Promise<LoginReply | undefined> {
    this.send(keys, fields);
    return this.reply();
  }

  /** As `ask`, where there must be an answer. */
  async request(keys: Keys, fields: LoginFields = {}): Promise<LoginReply> {
    const reply = await this.ask(keys, fields);
    if (reply === undefined) throw new Error('the connection ended without an answer');
    return reply;
  }

  async reply(): Promise<LoginReply | undefined> {
    const pdu = await this.raw.next();
    if (pdu === undefined) return undefined;
    const { opcode } = BasicHeader.view(pdu.header);
    if (opcode !== Opcode.loginResponse) throw new Error(`opcode 0x${opcode.toString(16)} came during the login`);
    const header = LoginResponse.view(pdu.header);
    const status = header.statusClass * 256 + header.statusDetail;
    const text = Buffer.concat(pdu.data);
    if (status === 0) {
      this.raw.expStatSN = (header.statSN + 1) >>> 0;
      this.raw.tsih = header.tsih;
    }
    // A text that goes over several responses is the test's to put together.
    const pairs = header.continue ? [] : decodeText(text);
    return { status, header, pdu, text, keys: new Map(pairs.map(({ key, value }) => [key, value])) };
  }

  /** A whole login in one request; gives its answer. */
  complete(keys: Keys = names, fields: LoginFields = {}): Promise<LoginReply> {
    return this.request(keys, { to: FULL, ...fields });
  }
}

function textOf(keys: Keys): readonly Uint8Array[] {
  const bytes = keys instanceof Uint8Array ? keys : encodeText(pairsOf(keys));
  return bytes.length === 0 ? [] : [bytes];
}

function pairsOf(keys: Readonly<Record<string, string>> | TextPair[]): readonly TextPair[] {
  return Array.isArray(keys) ? keys : Object.entries(keys).map(([key, value]) => ({ key, value }));
}
