/** How requests fail (RFC 2608 §7): each with the reply of its kind, which then says nothing else. */

import { ProtocolError } from '../bytes/index.ts';
import type { SlpBody } from './body.ts';
import { ErrorCode, FunctionId } from './protocol.ts';

/** What is answered. */
export const requestKinds: ReadonlyMap<number, SlpBody['kind']> = new Map([
  [FunctionId.SrvRqst, 'SrvRqst'],
  [FunctionId.SrvReg, 'SrvReg'],
  [FunctionId.SrvDeReg, 'SrvDeReg'],
  [FunctionId.AttrRqst, 'AttrRqst'],
  [FunctionId.SrvTypeRqst, 'SrvTypeRqst'],
]);

/** The error code of a request that raised something. Raises what is no fault of the request's. */
export function refusalOf(error: unknown): number {
  if (!(error instanceof ProtocolError)) throw error;
  switch (error.code) {
    case 'SLP_VERSION_UNSUPPORTED':
      return ErrorCode.versionNotSupported;
    case 'SLP_REGISTRATION_INVALID':
      return ErrorCode.invalidRegistration;
    default:
      return ErrorCode.parseError;
  }
}

/** The reply to a request of a kind; undefined for what is none. */
export function failureOf(kind: SlpBody['kind'], errorCode: number): SlpBody | undefined {
  switch (kind) {
    case 'SrvRqst':
      return { kind: 'SrvRply', errorCode, urls: [] };
    case 'AttrRqst':
      return { kind: 'AttrRply', errorCode, attributes: '', authenticationBlocks: [] };
    case 'SrvTypeRqst':
      return { kind: 'SrvTypeRply', errorCode, serviceTypes: [] };
    case 'SrvReg':
    case 'SrvDeReg':
      return { kind: 'SrvAck', errorCode };
    default:
      return undefined;
  }
}
