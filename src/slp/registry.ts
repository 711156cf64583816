/** What a directory agent was told by service agents (RFC 2608 §8.3, §9.3, §10.6): each for as long as its lifetime lasts. */

import type { Advertisement, AdvertisementSource } from './advertisement.ts';
import { attributeTable, checkConsistent, parseAttributeList } from './attribute.ts';
import type { ServiceDeregistration, ServiceRegistration } from './body.ts';
import { ErrorCode } from './protocol.ts';
import { taggedBy } from './tag-list.ts';
import { folded, haveSameItems, itemsInBoth } from './text.ts';

export interface RegistryOptions {
  /** Of the directory agent. */
  readonly scopes: readonly string[];
  /** Milliseconds that never jump. */
  readonly now: () => number;
  /** Registrations kept at once; more are answered "busy". Default 10000. */
  readonly most?: number;
  /** Bytes of attribute lists and URLs kept at once. Default 16 MiB. */
  readonly mostBytes?: number;
}

interface Registration {
  readonly advertisement: Advertisement;
  /** As it came in. */
  readonly scopes: readonly string[];
  readonly expires: number;
  readonly size: number;
}

type Spoken = { readonly languageTag: string; readonly fresh: boolean };

export class Registry implements AdvertisementSource {
  readonly #options: RegistryOptions;
  /** By URL and language. */
  readonly #registrations = new Map<string, Registration>();
  #bytes = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    this.#expire();
    return this.#registrations.size;
  }

  /** Gives an ErrorCode. Raises what reading an attribute list raises. */
  register({ languageTag, fresh }: Spoken, body: ServiceRegistration): number {
    const { url, serviceType, scopes } = body;
    if (url.lifetime === 0 || languageTag === '' || url.url === '' || serviceType === '')
      return ErrorCode.invalidRegistration;
    if (url.authenticationBlocks.length + body.authenticationBlocks.length > 0) return ErrorCode.authenticationUnknown;
    if (!this.#supports(scopes)) return ErrorCode.scopeNotSupported;
    const given = attributeTable(parseAttributeList(body.attributes));
    checkConsistent(given);
    this.#expire();
    const key = keyOf(url.url, languageTag);
    const known = this.#registrations.get(key);
    if (!fresh) {
      if (known === undefined) return ErrorCode.invalidUpdate;
      if (folded(known.advertisement.serviceType) !== folded(serviceType)) return ErrorCode.invalidUpdate;
      if (!haveSameItems(known.scopes, scopes)) return ErrorCode.scopeNotSupported;
    }
    const attributes = fresh ? given : new Map([...(known?.advertisement.attributes ?? []), ...given]);
    checkConsistent(attributes);
    const size = url.url.length + body.attributes.length + (fresh ? 0 : (known?.size ?? 0));
    if (!this.#hasRoom(size - (known?.size ?? 0), known === undefined)) return ErrorCode.busyNow;
    const advertisement = { url: url.url, serviceType, scopes, languageTag, lifetime: url.lifetime, attributes };
    this.#remove(key);
    this.#registrations.set(key, {
      advertisement,
      scopes,
      expires: this.#options.now() + url.lifetime * 1000,
      size,
    });
    this.#bytes += size;
    return ErrorCode.ok;
  }

  /** Gives an ErrorCode; what is not registered counts as deregistered, as the first request may have come and its answer not. */
  deregister(body: ServiceDeregistration): number {
    if (!this.#supports(body.scopes)) return ErrorCode.scopeNotSupported;
    const ofUrl = [...this.#registrations].filter(([, { advertisement }]) => advertisement.url === body.url.url);
    if (ofUrl.some(([, { scopes }]) => !haveSameItems(scopes, body.scopes))) return ErrorCode.scopeNotSupported;
    for (const [key, registration] of ofUrl) {
      if (body.tags.length === 0) this.#remove(key);
      else this.#registrations.set(key, withoutTags(registration, body.tags));
    }
    return ErrorCode.ok;
  }

  *advertisements(): Iterable<Advertisement> {
    this.#expire();
    const now = this.#options.now();
    for (const { advertisement, expires } of this.#registrations.values()) {
      yield { ...advertisement, lifetime: Math.ceil((expires - now) / 1000) };
    }
  }

  #supports(scopes: readonly string[]): boolean {
    return scopes.length > 0 && scopes.every((scope) => itemsInBoth([scope], this.#options.scopes).length > 0);
  }

  #hasRoom(size: number, isNew: boolean): boolean {
    const { most = 10_000, mostBytes = 16 << 20 } = this.#options;
    return (!isNew || this.#registrations.size < most) && this.#bytes + size <= mostBytes;
  }

  #expire(): void {
    const now = this.#options.now();
    for (const [key, { expires }] of this.#registrations) if (expires <= now) this.#remove(key);
  }

  #remove(key: string): void {
    this.#bytes -= this.#registrations.get(key)?.size ?? 0;
    this.#registrations.delete(key);
  }
}

/** URLs are compared as they are, languages without case (RFC 2608 §6.4). */
function keyOf(url: string, languageTag: string): string {
  return `${languageTag.toLowerCase()} ${url}`;
}

function withoutTags(registration: Registration, tags: readonly string[]): Registration {
  const { advertisement } = registration;
  const gone = new Set(taggedBy(advertisement.attributes, tags).map(({ tag }) => folded(tag)));
  const attributes = new Map([...advertisement.attributes].filter(([key]) => !gone.has(key)));
  return { ...registration, advertisement: { ...advertisement, attributes } };
}
