/** What is advertised: a service, as an agent knows it. */

import type { AttributeTable } from './attribute.ts';
import type { Predicate } from './predicate.ts';

export interface Advertisement {
  readonly url: string;
  readonly serviceType: string;
  /** As they are written in scope lists. */
  readonly scopes: readonly string[];
  readonly languageTag: string;
  /** Seconds for which others may keep it: 1 to 65535. */
  readonly lifetime: number;
  readonly attributes: AttributeTable;
}

/** What a request is about, as far as it says. */
export interface Inquiry {
  /** What is found must satisfy it. */
  readonly predicate?: Predicate | undefined;
  /** What is found must have it. */
  readonly url?: string | undefined;
  /** The address that asks; undefined when what is found is to be registered elsewhere. */
  readonly asker?: string | undefined;
}

export interface AdvertisementSource {
  /**
   * What an inquiry may be about: everything, or less. Services that are made when they are asked for are among it when the inquiry
   * names them. Attributes may depend on who asks.
   */
  advertisements(inquiry: Inquiry): Iterable<Advertisement>;
}

/** What several sources have together. */
export function allOf(sources: readonly AdvertisementSource[]): AdvertisementSource {
  return {
    *advertisements(inquiry) {
      for (const source of sources) yield* source.advertisements(inquiry);
    },
  };
}

/** RFC 2608 §8.1: dialects of a language are alike. */
export function isOfLanguage(languageTag: string, asked: string): boolean {
  return primaryTag(languageTag) === primaryTag(asked);
}

function primaryTag(languageTag: string): string {
  return (languageTag.split('-')[0] ?? '').toLowerCase();
}
