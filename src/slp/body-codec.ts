/** The bodies of messages as bytes (RFC 2608 §8, §10). */

import { ProtocolError } from '../bytes/index.ts';
import type { AttributeReply, DirectoryAgentAdvertisement, SlpBody } from './body.ts';
import { FieldReader, FieldWriter, LONGEST_STRING } from './fields.ts';
import { ErrorCode, FunctionId } from './protocol.ts';
import { listItems, listText } from './text.ts';
import {
  readAuthenticationBlocks,
  readUrlEntry,
  type UrlEntry,
  writeAuthenticationBlocks,
  writeUrlEntry,
} from './url-entry.ts';

/** In a SrvTypeRqst, the length of a naming authority that is left out (§10.1). */
const ALL_AUTHORITIES = LONGEST_STRING;

const readList = (from: FieldReader): string[] => listItems(from.string());

/** With an error code, the rest of a reply need not be there (§7). */
function unlessFailed<Body>(from: FieldReader, read: (errorCode: number) => Body, failed: (errorCode: number) => Body) {
  const errorCode = from.u16();
  return errorCode !== ErrorCode.ok && from.isAtEnd ? failed(errorCode) : read(errorCode);
}

/** As many entries as are whole: of a reply that overflows, the others are cut off (§8.2). */
function readUrlEntries(from: FieldReader, isCut: boolean): UrlEntry[] {
  const count = from.u16();
  const urls: UrlEntry[] = [];
  while (urls.length < count && !(isCut && from.isAtEnd)) {
    try {
      urls.push(readUrlEntry(from));
    } catch (error) {
      if (isCut) return urls;
      throw error;
    }
  }
  return urls;
}

/** Raises SLP_MESSAGE_INVALID. `isCut`: the message overflows. */
export function readBody(functionId: number, bytes: Uint8Array, isCut: boolean): SlpBody {
  const from = new FieldReader(bytes);
  switch (functionId) {
    case FunctionId.SrvRqst:
      return {
        kind: 'SrvRqst',
        previousResponders: readList(from),
        serviceType: from.string(),
        scopes: readList(from),
        predicate: from.string(),
        spi: from.string(),
      };
    case FunctionId.SrvRply:
      return unlessFailed(
        from,
        (errorCode) => ({ kind: 'SrvRply', errorCode, urls: readUrlEntries(from, isCut) }),
        (errorCode) => ({ kind: 'SrvRply', errorCode, urls: [] }),
      );
    case FunctionId.SrvReg:
      return {
        kind: 'SrvReg',
        url: readUrlEntry(from),
        serviceType: from.string(),
        scopes: readList(from),
        attributes: from.string(),
        authenticationBlocks: readAuthenticationBlocks(from),
      };
    case FunctionId.SrvDeReg:
      return { kind: 'SrvDeReg', scopes: readList(from), url: readUrlEntry(from), tags: readList(from) };
    case FunctionId.SrvAck:
      return { kind: 'SrvAck', errorCode: from.u16() };
    case FunctionId.AttrRqst:
      return {
        kind: 'AttrRqst',
        previousResponders: readList(from),
        url: from.string(),
        scopes: readList(from),
        tags: readList(from),
        spi: from.string(),
      };
    case FunctionId.AttrRply:
      return readAttributeReply(from, isCut);
    case FunctionId.DAAdvert:
      return readDirectoryAgentAdvertisement(from);
    case FunctionId.SrvTypeRqst: {
      const previousResponders = readList(from);
      const length = from.u16();
      const namingAuthority = length === ALL_AUTHORITIES ? undefined : from.text(length);
      return { kind: 'SrvTypeRqst', previousResponders, namingAuthority, scopes: readList(from) };
    }
    case FunctionId.SrvTypeRply:
      return unlessFailed(
        from,
        (errorCode) => ({ kind: 'SrvTypeRply', errorCode, serviceTypes: isCut ? [] : readList(from) }),
        (errorCode) => ({ kind: 'SrvTypeRply', errorCode, serviceTypes: [] }),
      );
    case FunctionId.SAAdvert:
      return {
        kind: 'SAAdvert',
        url: from.string(),
        scopes: readList(from),
        attributes: from.string(),
        authenticationBlocks: readAuthenticationBlocks(from),
      };
    default:
      throw new ProtocolError('SLP_MESSAGE_INVALID', `function ${functionId} is none of SLP`);
  }
}

/** Part of an attribute list may be cut within a value, and says nothing. */
function readAttributeReply(from: FieldReader, isCut: boolean): AttributeReply {
  const nothing = (errorCode: number): AttributeReply => {
    return { kind: 'AttrRply', errorCode, attributes: '', authenticationBlocks: [] };
  };
  return unlessFailed(
    from,
    (errorCode) => {
      if (isCut) return nothing(errorCode);
      const attributes = from.string();
      return { kind: 'AttrRply', errorCode, attributes, authenticationBlocks: readAuthenticationBlocks(from) };
    },
    nothing,
  );
}

function readDirectoryAgentAdvertisement(from: FieldReader): DirectoryAgentAdvertisement {
  const nothing = { bootTimestamp: 0, url: '', scopes: [], attributes: '', spis: [], authenticationBlocks: [] };
  return unlessFailed(
    from,
    (errorCode) => ({
      kind: 'DAAdvert',
      errorCode,
      bootTimestamp: from.u32(),
      url: from.string(),
      scopes: readList(from),
      attributes: from.string(),
      spis: readList(from),
      authenticationBlocks: readAuthenticationBlocks(from),
    }),
    (errorCode) => ({ kind: 'DAAdvert', errorCode, ...nothing }),
  );
}

/** Raises SLP_MESSAGE_TOO_LONG. */
export function bodyBytes(body: SlpBody): Uint8Array {
  const into = new FieldWriter();
  switch (body.kind) {
    case 'SrvRqst':
      into.string(listText(body.previousResponders)).string(body.serviceType);
      into.string(listText(body.scopes)).string(body.predicate).string(body.spi);
      break;
    case 'SrvRply':
      into.u16(body.errorCode).u16(body.urls.length);
      for (const url of body.urls) writeUrlEntry(into, url);
      break;
    case 'SrvReg':
      writeUrlEntry(into, body.url);
      into.string(body.serviceType).string(listText(body.scopes)).string(body.attributes);
      writeAuthenticationBlocks(into, body.authenticationBlocks);
      break;
    case 'SrvDeReg':
      into.string(listText(body.scopes));
      writeUrlEntry(into, body.url);
      into.string(listText(body.tags));
      break;
    case 'SrvAck':
      into.u16(body.errorCode);
      break;
    case 'AttrRqst':
      into.string(listText(body.previousResponders)).string(body.url);
      into.string(listText(body.scopes)).string(listText(body.tags)).string(body.spi);
      break;
    case 'AttrRply':
      into.u16(body.errorCode).string(body.attributes);
      writeAuthenticationBlocks(into, body.authenticationBlocks);
      break;
    case 'DAAdvert':
      into.u16(body.errorCode).u32(body.bootTimestamp).string(body.url).string(listText(body.scopes));
      into.string(body.attributes).string(listText(body.spis));
      writeAuthenticationBlocks(into, body.authenticationBlocks);
      break;
    case 'SrvTypeRqst':
      into.string(listText(body.previousResponders));
      if (body.namingAuthority === undefined) into.u16(ALL_AUTHORITIES);
      else into.string(body.namingAuthority);
      into.string(listText(body.scopes));
      break;
    case 'SrvTypeRply':
      into.u16(body.errorCode).string(listText(body.serviceTypes));
      break;
    case 'SAAdvert':
      into.string(body.url).string(listText(body.scopes)).string(body.attributes);
      writeAuthenticationBlocks(into, body.authenticationBlocks);
      break;
  }
  return into.finish();
}
