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

export interface AdvertisementSource {
  /**
   * What may satisfy a predicate: everything, or only what it can be about. Services that are made when they are asked for are among it
   * when the predicate names them. Attributes may depend on who asks: the address, undefined when they are to be registered elsewhere.
   */
  advertisements(predicate: Predicate | undefined, asker: string | undefined): Iterable<Advertisement>;
}

/** What several sources have together. */
export function allOf(sources: readonly AdvertisementSource[]): AdvertisementSource {
  return {
    *advertisements(predicate, asker) {
      for (const source of sources) yield* source.advertisements(predicate, asker);
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
