/** CHAP at a target, step by step: the initiator's end as a test wants it. */

import assert from 'node:assert/strict';
import { type ChapDemand, chapResponse, parseBinary } from '../../../src/iscsi/chap.ts';
import { type Keys, type LoginFields, type LoginReply, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { type ServedTarget, type ServedTargetOptions, serveTarget } from '../served-target.ts';

export const initiator = { name: 'alice', secret: Buffer.from('correct-horse-battery') };
export const target = { name: 'disk', secret: Buffer.from('staple-of-the-target') };

export const oneWay: ChapDemand = { initiators: [initiator] };
export const mutual: ChapDemand = { initiators: [initiator], target };

export const serveGuarded = (
  authentication: ChapDemand = oneWay,
  options: ServedTargetOptions = {},
): Promise<ServedTarget> => serveTarget({ authentication, ...options });

/** What a target has asked. */
export interface Challenge {
  readonly algorithm: number;
  readonly identifier: number;
  readonly challenge: Buffer;
}

export class ChapLogin {
  readonly login: RawLogin;

  private constructor(login: RawLogin) {
    this.login = login;
  }

  /** Up to the answer to AuthMethod=CHAP. */
  static async open(served: ServedTarget, fields: LoginFields = {}, keys: Keys = names): Promise<ChapLogin> {
    const login = await RawLogin.open(served, { stage: SECURITY, ...fields });
    const reply = await login.request({ ...keys, AuthMethod: 'CHAP' });
    assert.deepEqual([reply.status, reply.keys.get('AuthMethod')], [0, 'CHAP']);
    return new ChapLogin(login);
  }

  /** One more request of the security stage. */
  request(keys: Keys, fields: LoginFields = {}): Promise<LoginReply> {
    return this.login.request(keys, fields);
  }

  /** Offers algorithms, and gives what the target asks. */
  async challenge(offered = '5'): Promise<Challenge> {
    const { status, keys } = await this.request({ CHAP_A: offered });
    assert.equal(status, 0);
    return {
      algorithm: Number(keys.get('CHAP_A')),
      identifier: Number(keys.get('CHAP_I')),
      challenge: parseBinary(keys.get('CHAP_C') ?? '') ?? assert.fail('no CHAP_C'),
    };
  }

  /** Proves who it is and asks for the next stage, with more keys where they are given. */
  prove(asked: Challenge, keys: Readonly<Record<string, string>> = {}, who = initiator): Promise<LoginReply> {
    return this.request({ CHAP_N: who.name, CHAP_R: hex(responseTo(asked, who.secret)), ...keys }, { to: OPERATIONAL });
  }
}

export function responseTo({ algorithm, identifier, challenge }: Challenge, secret: Uint8Array): Buffer {
  return chapResponse(algorithm, identifier, secret, challenge);
}

export const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
export const base64 = (bytes: Uint8Array): string => `0b${Buffer.from(bytes).toString('base64')}`;
