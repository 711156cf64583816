/**
 * Entity status inquiries and registration periods (RFC 4171 §5.6.5.13, §6.2.6, §6.3.4). A portal is asked an interval after its last
 * answer; without one it is asked again, so often that all inquiries are out before twice the interval has passed, and then it is gone.
 */

import { encodeAttributes, longAttribute, numberOf, textAttribute } from '../attribute.ts';
import type { TransportPort } from '../bitmap.ts';
import { Tag } from '../tag.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import { transportPort } from './notification.ts';
import { keyAttributes, type Portal, portalKey } from './objects.ts';
import { remove, removeEntity } from './removal.ts';
import type { RegistrySettings } from './settings.ts';

export interface Inquiry {
  readonly portal: string;
  readonly port: TransportPort & { readonly address: string };
  readonly payload: Uint8Array;
}

interface Watch {
  /** Seconds since the Unix epoch, as all times here. */
  readonly lastAnswer: number;
  readonly sent: number;
}

export class Monitor {
  readonly #database: Database;
  readonly #changes: Changes;
  readonly #settings: RegistrySettings;
  /** By portal. */
  #watches = new Map<string, Watch>();

  constructor(database: Database, changes: Changes, settings: RegistrySettings) {
    this.#database = database;
    this.#changes = changes;
    this.#settings = settings;
  }

  /** Removes what has expired, and gives the inquiries that are due. */
  poll(now: number): Inquiry[] {
    this.#expire(now);
    const watches = new Map<string, Watch>();
    const inquiries: Inquiry[] = [];
    for (const portal of [...this.#database.portals.values()]) {
      const [port] = transportPort(portal, Tag.esiPort);
      const interval = intervalOf(portal);
      if (port === undefined || interval === 0) continue;
      const key = portalKey(portal);
      const watch = this.#watches.get(key) ?? { lastAnswer: now, sent: 0 };
      const isDue = now >= watch.lastAnswer + interval + (watch.sent * interval) / this.#settings.esiThreshold;
      if (!isDue) watches.set(key, watch);
      else if (watch.sent < this.#settings.esiThreshold) {
        watches.set(key, { ...watch, sent: watch.sent + 1 });
        inquiries.push({ portal: key, port, payload: this.#payload(portal, now) });
      } else this.#lose(portal, interval, now);
    }
    this.#watches = watches;
    return inquiries.filter(({ portal }) => this.#database.portals.has(portal));
  }

  /** The portal is there: the registration of its entity lasts on (RFC 4171 §5.7.5.13). */
  answered(portal: string, now: number): void {
    if (!this.#watches.has(portal)) return;
    this.#watches.set(portal, { lastAnswer: now, sent: 0 });
    const entity = this.#database.entities.get(this.#database.portals.get(portal)?.entity ?? '');
    if (entity !== undefined) this.#database.touch(entity, now);
  }

  #expire(now: number): void {
    for (const { identifier, registrationPeriod, timestamp } of [...this.#database.entities.values()]) {
      const hasExpired = registrationPeriod > 0 && now - timestamp > registrationPeriod;
      if (hasExpired) removeEntity(this.#database, this.#changes, identifier);
    }
  }

  /** With the last portal that was asked, and no word of the client's for two intervals, the entity goes too. */
  #lose(portal: Portal, interval: number, now: number): void {
    const entity = this.#database.entities.get(portal.entity);
    remove(this.#database, this.#changes, portal);
    const isWatched = this.#database
      .portalsOf(portal.entity)
      .some((other) => intervalOf(other) > 0 && other.others.has(Tag.esiPort));
    if (entity === undefined || isWatched || now - entity.timestamp < 2 * interval) return;
    removeEntity(this.#database, this.#changes, entity.identifier);
  }

  #payload(portal: Portal, now: number): Uint8Array {
    return encodeAttributes([
      longAttribute(Tag.timestamp, BigInt(now)),
      textAttribute(Tag.entityIdentifier, portal.entity),
      ...keyAttributes(portal),
    ]);
  }
}

function intervalOf({ others }: Portal): number {
  const value = others.get(Tag.esiInterval);
  return value === undefined ? 0 : numberOf({ tag: Tag.esiInterval, value });
}
