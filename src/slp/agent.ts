/** A service agent, and a directory agent where it is one as well: what it answers to each message (RFC 2608 §8, §11, §12.1). */

import type { AdvertisementSource } from './advertisement.ts';
import { parseAttributeList } from './attribute.ts';
import type { DirectoryAgentAdvertisement, ServiceRequest, SlpBody } from './body.ts';
import { readBody } from './body-codec.ts';
import { isMandatory } from './extension.ts';
import { HeaderLayout, type ReadHeader, readHeader, type SlpHeader, slpHeader } from './header.ts';
import { encodeMessage, encodeReply } from './message.ts';
import { parsePredicate } from './predicate.ts';
import { listSatisfies } from './predicate-match.ts';
import { DATAGRAM_LENGTH, ErrorCode } from './protocol.ts';
import { failureOf, refusalOf, requestKinds } from './refusal.ts';
import type { Registry } from './registry.ts';
import {
  type Answer,
  answerAttributeRequest,
  answerServiceRequest,
  answerServiceTypeRequest,
  type Question,
} from './service-answers.ts';
import { agentUrl, DIRECTORY_AGENT, isOfType, SERVICE_AGENT } from './service-type.ts';
import { escaped, itemsInBoth } from './text.ts';

export interface SlpAgentOptions {
  /** Addresses of this machine, by which requests are known that it has answered already. */
  readonly ownAddresses: readonly string[];
  /** The one of them by which it is found: a literal without brackets. */
  readonly address: string;
  readonly scopes: readonly string[];
  /** What it advertises itself. */
  readonly services: AdvertisementSource;
  /** The types of its services, for searches for service agents. */
  readonly serviceTypes: readonly string[];
  /** Makes it a directory agent: what others register with it. */
  readonly directory?: { readonly registry: Registry /** Seconds since 1970. */; readonly bootTimestamp: number };
  /** Folded tags of attributes that never leave it. */
  readonly withheld: ReadonlySet<string>;
}

export interface ReceivedFrom {
  readonly address: string;
  readonly transport: 'udp' | 'tcp';
}

export class SlpAgent {
  readonly #options: SlpAgentOptions;

  constructor(options: SlpAgentOptions) {
    this.#options = options;
  }

  /** The answer to a message, or undefined where none is due. Whatever the bytes are, it raises nothing. */
  receive(bytes: Uint8Array, from: ReceivedFrom): Uint8Array | undefined {
    let read: ReadHeader;
    try {
      read = readHeader(bytes);
    } catch (error) {
      return this.#unreadable(bytes, from, refusalOf(error));
    }
    const { header } = read;
    const kind = requestKinds.get(read.functionId);
    if (kind === undefined) return undefined;
    let body: SlpBody | undefined;
    let answer: SlpBody | undefined;
    try {
      body = readBody(read.functionId, bytes.subarray(read.bodyStart, read.bodyEnd), header.overflow);
      answer = this.#answer(header, body, from);
    } catch (error) {
      answer = this.#failure(header, body ?? { kind }, refusalOf(error));
    }
    return answer === undefined ? undefined : reply(header, answer, from);
  }

  /** On a connection nothing is multicast: what has another version in front of the same identifier can be told so. */
  #unreadable(bytes: Uint8Array, from: ReceivedFrom, errorCode: number): Uint8Array | undefined {
    if (errorCode !== ErrorCode.versionNotSupported || from.transport === 'udp') return undefined;
    const { functionId, xid } = HeaderLayout.view(bytes);
    const kind = requestKinds.get(functionId);
    if (kind === undefined) return undefined;
    const header = slpHeader({ xid, languageTag: '' });
    const body = this.#failure(header, { kind }, errorCode);
    return body === undefined ? undefined : reply(header, body, from);
  }

  /** What it tells all as a directory agent, unasked (RFC 2608 §12.2.2); `isClosing`: that it is going down. */
  unsolicitedAdvertisement(languageTag: string, isClosing: boolean): Uint8Array | undefined {
    const advertisement = this.#directoryAgentAdvertisement(ErrorCode.ok);
    if (advertisement === undefined) return undefined;
    const body = isClosing ? { ...advertisement, bootTimestamp: 0 } : advertisement;
    return encodeMessage({ header: slpHeader({ xid: 0, languageTag }), body });
  }

  #answer(header: SlpHeader, body: SlpBody, from: ReceivedFrom): SlpBody | undefined {
    if (header.extensions.some(isMandatory)) return this.#failure(header, body, ErrorCode.optionNotUnderstood);
    switch (body.kind) {
      case 'SrvRqst':
        return this.#wasAnswered(body.previousResponders) ? undefined : this.#serviceRequest(header, body, from);
      case 'AttrRqst':
      case 'SrvTypeRqst': {
        if (this.#wasAnswered(body.previousResponders)) return undefined;
        const problem = this.#problem(body.scopes, body.kind === 'AttrRqst' ? body.spi : '');
        if (problem !== undefined) return this.#failure(header, body, problem);
        const question = this.#question(header, from);
        const answer =
          body.kind === 'AttrRqst' ? answerAttributeRequest(body, question) : answerServiceTypeRequest(body, question);
        return unlessSilent(header, answer);
      }
      case 'SrvReg':
      case 'SrvDeReg': {
        if (header.requestMulticast) return undefined;
        const registry = this.#options.directory?.registry;
        if (registry === undefined) return { kind: 'SrvAck', errorCode: ErrorCode.messageNotSupported };
        if (this.#isOwn(body.url.url)) return { kind: 'SrvAck', errorCode: ErrorCode.invalidRegistration };
        const errorCode = body.kind === 'SrvReg' ? registry.register(header, body) : registry.deregister(body);
        return { kind: 'SrvAck', errorCode };
      }
      default:
        return undefined;
    }
  }

  #serviceRequest(header: SlpHeader, body: ServiceRequest, from: ReceivedFrom): SlpBody | undefined {
    const { serviceType, scopes, spi } = body;
    if (serviceType === '') return this.#failure(header, body, ErrorCode.parseError);
    const isSearch = isOfType(serviceType, DIRECTORY_AGENT) || isOfType(serviceType, SERVICE_AGENT);
    // Searches for agents may leave out the scopes (§11.2).
    const problem =
      isSearch && scopes.length === 0 ? this.#problem(this.#options.scopes, spi) : this.#problem(scopes, spi);
    if (problem !== undefined) return this.#failure(header, body, problem);
    if (isOfType(serviceType, DIRECTORY_AGENT)) return this.#directoryAgentSearch(header, body);
    if (isOfType(serviceType, SERVICE_AGENT)) return this.#serviceAgentSearch(header, body);
    return unlessSilent(header, answerServiceRequest(body, this.#question(header, from)));
  }

  #directoryAgentSearch(header: SlpHeader, { predicate }: ServiceRequest): SlpBody | undefined {
    const advertisement = this.#directoryAgentAdvertisement(ErrorCode.ok);
    if (advertisement === undefined) {
      return header.requestMulticast ? undefined : { kind: 'SrvRply', errorCode: ErrorCode.ok, urls: [] };
    }
    return listSatisfies([], parsePredicate(predicate)) ? advertisement : undefined;
  }

  /** Only multicast searches are answered (§8.6). */
  #serviceAgentSearch(header: SlpHeader, { predicate }: ServiceRequest): SlpBody | undefined {
    const { address, scopes, serviceTypes } = this.#options;
    const attributes = `(service-type=${serviceTypes.map(escaped).join(',')})`;
    const isMeant = listSatisfies(parseAttributeList(attributes), parsePredicate(predicate));
    if (!header.requestMulticast || !isMeant) return undefined;
    return { kind: 'SAAdvert', url: agentUrl(SERVICE_AGENT, address), scopes, attributes, authenticationBlocks: [] };
  }

  #directoryAgentAdvertisement(errorCode: number): DirectoryAgentAdvertisement | undefined {
    const { directory, address, scopes } = this.#options;
    if (directory === undefined) return undefined;
    const url = agentUrl(DIRECTORY_AGENT, address);
    const { bootTimestamp } = directory;
    return {
      kind: 'DAAdvert',
      errorCode,
      bootTimestamp,
      url,
      scopes,
      attributes: '',
      spis: [],
      authenticationBlocks: [],
    };
  }

  #question({ languageTag, requestMulticast }: SlpHeader, { address }: ReceivedFrom): Question {
    const { services, directory, withheld } = this.#options;
    // Multicasts are for service agents; what others have registered they answer for themselves (§12.1).
    const sources = directory === undefined || requestMulticast ? [services] : [services, directory.registry];
    return { languageTag, asker: address, sources, withheld };
  }

  /** Entries that are no addresses are ignored: none is equal to one (§8.1). */
  #wasAnswered(previousResponders: readonly string[]): boolean {
    return previousResponders.some((responder) => this.#options.ownAddresses.includes(responder.trim().toLowerCase()));
  }

  #problem(scopes: readonly string[], spi: string): number | undefined {
    if (itemsInBoth(scopes, this.#options.scopes).length === 0) return ErrorCode.scopeNotSupported;
    // Nothing is signed here (RFC 4018 §6.1).
    return spi === '' ? undefined : ErrorCode.authenticationUnknown;
  }

  #isOwn(url: string): boolean {
    for (const own of this.#options.services.advertisements({ url })) if (own.url === url) return true;
    return false;
  }

  /** The answer to a request that fails; `request` has no more than its kind where it could not be read. */
  #failure({ requestMulticast }: SlpHeader, request: FailedRequest, errorCode: number): SlpBody | undefined {
    if (requestMulticast) return undefined;
    const isSearch = isOfType(request.serviceType ?? '', DIRECTORY_AGENT);
    const advertisement = isSearch ? this.#directoryAgentAdvertisement(errorCode) : undefined;
    return advertisement ?? failureOf(request.kind, errorCode);
  }
}

type FailedRequest = { readonly kind: SlpBody['kind']; readonly serviceType?: string };

/** The language of a reply is that of the request (§8). */
function reply({ xid, languageTag }: SlpHeader, body: SlpBody, { transport }: ReceivedFrom): Uint8Array {
  const message = { header: slpHeader({ xid, languageTag }), body };
  return transport === 'tcp' ? encodeMessage(message) : encodeReply(message, DATAGRAM_LENGTH);
}

/** Who has nothing to say to a multicast is silent (§8.2). */
function unlessSilent({ requestMulticast }: SlpHeader, { found, body }: Answer): SlpBody | undefined {
  return requestMulticast && !found ? undefined : body;
}
