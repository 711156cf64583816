/**
 * iSNSP PDUs (RFC 4171 §5.1, §5.2). A message is cut into PDUs of 65,532 bytes of payload at most; where they are cut has nothing to do
 * with what is in them.
 */

import { flag, layout, u16 } from '../bytes/index.ts';

/** TCP and UDP (RFC 4171 §8). */
export const ISNS_PORT = 3205;

/** RFC 4171 §5.1.1 */
export const ISNSP_VERSION = 1;

/** The flags' bits are numbered from the most significant one of the header's second word, of which they are bits 16 to 21. */
export const PduHeader = layout('iSNSP PDU header', 12, {
  version: u16(0),
  functionId: u16(2),
  /** Bytes of the payload alone. */
  pduLength: u16(4),
  fromClient: flag(6, 7),
  fromServer: flag(6, 6),
  authenticationBlock: flag(6, 5),
  replace: flag(6, 4),
  lastPdu: flag(6, 3),
  firstPdu: flag(6, 2),
  transactionId: u16(8),
  sequenceId: u16(10),
});

/** RFC 4171 §4.1.3. A response has the number of its request and the top bit. */
export const FunctionId = {
  devAttrReg: 0x0001,
  devAttrQry: 0x0002,
  devGetNext: 0x0003,
  devDereg: 0x0004,
  scnReg: 0x0005,
  scnDereg: 0x0006,
  scnEvent: 0x0007,
  scn: 0x0008,
  ddReg: 0x0009,
  ddDereg: 0x000a,
  ddsReg: 0x000b,
  ddsDereg: 0x000c,
  esi: 0x000d,
  heartbeat: 0x000e,
} as const;

const RESPONSE = 0x8000;

export function responseTo(functionId: number): number {
  return functionId | RESPONSE;
}

export function isResponse(functionId: number): boolean {
  return (functionId & RESPONSE) !== 0;
}

export type Sender = 'client' | 'server';

/** A message put together from its PDUs. */
export interface IsnsMessage {
  readonly version: number;
  readonly functionId: number;
  /** 0..65535 */
  readonly transactionId: number;
  readonly sender: Sender;
  /** Means something in a DevAttrReg only (RFC 4171 §5.6.5.1). */
  readonly replace: boolean;
  /** What all PDUs carry, in one piece. */
  readonly payload: Uint8Array;
}

/** The longest payload of a PDU: a multiple of four that 16 bits can count (RFC 4171 §5.1.3). */
export const MAX_PDU_PAYLOAD = 65_532;

/** The PDUs of a message, each in a piece of its own. `maxPayload` is a multiple of four. */
export function encodeMessage(message: Omit<IsnsMessage, 'version'>, maxPayload = MAX_PDU_PAYLOAD): Uint8Array[] {
  const { functionId, transactionId, sender, replace, payload } = message;
  const count = Math.max(1, Math.ceil(payload.length / maxPayload));
  return Array.from({ length: count }, (_, sequenceId) => {
    const part = payload.subarray(sequenceId * maxPayload, (sequenceId + 1) * maxPayload);
    const pdu = new Uint8Array(PduHeader.size + part.length);
    PduHeader.write(pdu, 0, {
      version: ISNSP_VERSION,
      functionId,
      pduLength: part.length,
      fromClient: sender === 'client',
      fromServer: sender === 'server',
      replace,
      firstPdu: sequenceId === 0,
      lastPdu: sequenceId === count - 1,
      transactionId,
      sequenceId,
    });
    pdu.set(part, PduHeader.size);
    return pdu;
  });
}
