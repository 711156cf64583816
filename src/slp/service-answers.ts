/** Answers about services (RFC 2608 §8.1, §10.1, §10.3), the same from a service agent and from a directory agent. */

import { reachesAsker } from './address-scope.ts';
import { type Advertisement, type AdvertisementSource, type Inquiry, isOfLanguage } from './advertisement.ts';
import { attributeTable, formatAttributeList } from './attribute.ts';
import type { AttributeRequest, ServiceRequest, ServiceTypeRequest, SlpBody } from './body.ts';
import { parsePredicate } from './predicate.ts';
import { satisfies } from './predicate-match.ts';
import { ErrorCode } from './protocol.ts';
import { isOfType, isUrl, namingAuthorityOf } from './service-type.ts';
import { taggedBy } from './tag-list.ts';
import { folded, itemsInBoth } from './text.ts';

/** Who asks, and from what. */
export interface Question {
  readonly languageTag: string;
  /** Address of the asker. */
  readonly asker: string;
  readonly sources: readonly AdvertisementSource[];
  /** Folded tags of attributes that are not to be told. */
  readonly withheld: ReadonlySet<string>;
}

/** A body that says nothing but why; nobody answers so to a multicast. */
export type Answer = { readonly found: boolean; readonly body: SlpBody };

/** Raises what reading a predicate raises. */
export function answerServiceRequest(request: ServiceRequest, question: Question): Answer {
  const predicate = parsePredicate(request.predicate);
  const ofType = inScope(question, request.scopes, { predicate }).filter(({ serviceType }) =>
    isOfType(serviceType, request.serviceType),
  );
  // Without a predicate there is nothing in any language to compare.
  const spoken =
    predicate === undefined
      ? ofType
      : ofType.filter(({ languageTag }) => isOfLanguage(languageTag, question.languageTag));
  if (spoken.length === 0 && ofType.length > 0) {
    return { found: false, body: { kind: 'SrvRply', errorCode: ErrorCode.languageNotSupported, urls: [] } };
  }
  const urls = new Map(
    spoken
      .filter(({ attributes }) => satisfies(attributes, predicate))
      .map(({ url, lifetime }) => [url, { url, lifetime, authenticationBlocks: [] }]),
  );
  return { found: urls.size > 0, body: { kind: 'SrvRply', errorCode: ErrorCode.ok, urls: [...urls.values()] } };
}

/** Raises what reading a tag list raises. */
export function answerAttributeRequest(request: AttributeRequest, question: Question): Answer {
  const wanted = isUrl(request.url) ? { url: request.url } : {};
  const meant = inScope(question, request.scopes, wanted).filter(({ url, serviceType }) =>
    wanted.url === undefined ? isOfType(serviceType, request.url) : url === wanted.url,
  );
  const spoken = meant.filter(({ languageTag }) => isOfLanguage(languageTag, question.languageTag));
  const errorCode = spoken.length === 0 && meant.length > 0 ? ErrorCode.languageNotSupported : ErrorCode.ok;
  const all = attributeTable(spoken.flatMap(({ attributes }) => [...attributes.values()]));
  const told = taggedBy(all, request.tags).filter(({ tag }) => !question.withheld.has(folded(tag)));
  const attributes = formatAttributeList(told);
  return {
    found: spoken.length > 0,
    body: { kind: 'AttrRply', errorCode, attributes, authenticationBlocks: [] },
  };
}

/** Raises SLP_STRING_INVALID. */
export function answerServiceTypeRequest(request: ServiceTypeRequest, question: Question): Answer {
  const { namingAuthority } = request;
  const types = inScope(question, request.scopes, {}).map(({ serviceType }) => serviceType);
  const meant = types.filter((type) => {
    return namingAuthority === undefined || folded(namingAuthorityOf(type)) === folded(namingAuthority);
  });
  const serviceTypes = [...new Map(meant.map((type) => [folded(type), type])).values()];
  return { found: serviceTypes.length > 0, body: { kind: 'SrvTypeRply', errorCode: ErrorCode.ok, serviceTypes } };
}

function inScope(
  { sources, asker }: Question,
  scopes: readonly string[],
  wanted: Omit<Inquiry, 'asker'>,
): Advertisement[] {
  return sources.flatMap((source) =>
    [...source.advertisements({ ...wanted, asker })].filter(
      (one) => itemsInBoth(scopes, one.scopes).length > 0 && reachesAsker(one.url, asker),
    ),
  );
}
