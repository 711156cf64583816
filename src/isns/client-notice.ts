/** What an iSNS server tells or asks a client: state changes and entity status inquiries (RFC 4171 §5.6.5.8, §5.6.5.13). */

import { ProtocolError } from '../bytes/index.ts';
import { addressOf, decodeAttributes, numberOf, textOf } from './attribute.ts';
import { portFromNumber, type TransportPort } from './bitmap.ts';
import { withStatus } from './message.ts';
import { FunctionId, type IsnsMessage } from './pdu.ts';
import { Status } from './status.ts';
import { Tag } from './tag.ts';

/** One storage node that was changed. */
export interface StateChange {
  /** ScnBitmap. */
  readonly bitmap: number;
  /** Undefined when it is a discovery domain or a set of them that was changed. */
  readonly nodeName: string | undefined;
  /** In management notices only. */
  readonly domains: readonly number[];
  readonly domainSets: readonly number[];
}

export type IncomingNotice =
  | { readonly kind: 'state-change'; readonly destination: string; readonly changes: readonly StateChange[] }
  | {
      readonly kind: 'entity-status-inquiry';
      readonly entityIdentifier: string;
      readonly portal: { readonly address: string } & TransportPort;
    };

/** The notice in a message, and the payload of what answers it. Raises ISNS_ATTRIBUTE_INVALID. */
export function noticeOf(message: IsnsMessage): { notice?: IncomingNotice; answer?: Uint8Array } {
  switch (message.functionId) {
    case FunctionId.scn:
      return stateChange(message.payload);
    case FunctionId.esi:
      return statusInquiry(message.payload);
    // It has no response (RFC 4171 §5.6.5.14).
    case FunctionId.heartbeat:
      return {};
    default:
      return { answer: withStatus(Status.messageNotSupported, []) };
  }
}

/** The answer has the destination alone (RFC 4171 §5.7.5.8). */
function stateChange(payload: Uint8Array): { notice: IncomingNotice; answer: Uint8Array } {
  const [destination, , ...rest] = decodeAttributes(payload);
  if (destination?.tag !== Tag.iscsiName) throw lacking('a state change notification', 'destination');
  const changes: { bitmap: number; nodeName: string | undefined; domains: number[]; domainSets: number[] }[] = [];
  for (const attribute of rest) {
    const last = changes.at(-1);
    if (attribute.tag === Tag.iscsiScnBitmap) {
      changes.push({ bitmap: numberOf(attribute), nodeName: undefined, domains: [], domainSets: [] });
    } else if (last === undefined) throw lacking('a state change notification', 'bitmap');
    else if (attribute.tag === Tag.iscsiName) last.nodeName = textOf(attribute);
    else if (attribute.tag === Tag.ddId) last.domains.push(numberOf(attribute));
    else if (attribute.tag === Tag.ddsId) last.domainSets.push(numberOf(attribute));
  }
  const notice = { kind: 'state-change', destination: textOf(destination), changes } as const;
  return { notice, answer: withStatus(Status.successful, [destination]) };
}

/** All that was asked comes back, in its order (RFC 4171 §5.7.5.13). */
function statusInquiry(payload: Uint8Array): { notice: IncomingNotice; answer: Uint8Array } {
  const attributes = decodeAttributes(payload);
  const find = (tag: number) => attributes.find((attribute) => attribute.tag === tag);
  const [identifier, address, port] = [Tag.entityIdentifier, Tag.portalIpAddress, Tag.portalPort].map(find);
  if (identifier === undefined || address === undefined || port === undefined) {
    throw lacking('an entity status inquiry', 'entity or portal');
  }
  const notice = {
    kind: 'entity-status-inquiry',
    entityIdentifier: textOf(identifier),
    portal: { address: addressOf(address), ...portFromNumber(numberOf(port)) },
  } as const;
  return { notice, answer: withStatus(Status.successful, attributes) };
}

function lacking(what: string, which: string): ProtocolError {
  return new ProtocolError('ISNS_ATTRIBUTE_INVALID', `${what} has no ${which}`);
}
