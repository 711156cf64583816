/** One initiator port that attacks: its session of now, and the next one when that has ended. */

import { ObservedSession } from '../observed/session.ts';
import { join, type Place, type Scene } from '../portal/log-in.ts';
import { randomTerms } from '../random/login.ts';
import type { Arena, Position } from './arena.ts';
import { ATTACKED } from './attacked-target.ts';

/** What the target offers at most. */
const MAX_CONNECTIONS = 4;

export class Attacker {
  readonly name: string;
  readonly place: Place;
  session: ObservedSession;

  constructor(index: number, scene: Pick<Scene, 'random' | 'violation'>) {
    this.name = `attacker ${index}`;
    this.place = { targetName: ATTACKED, isid: `80000000000${index}` };
    this.session = this.#newSession(scene);
  }

  #newSession({ random, violation }: Pick<Scene, 'random' | 'violation'>): ObservedSession {
    return new ObservedSession(this.name, randomTerms(random), violation);
  }

  /** One of its connections, of a new session when the old one is over. */
  async position(arena: Arena): Promise<Position> {
    const { random } = arena;
    if (this.session.closed) await this.#begin(arena);
    const { open } = this.session;
    const connection = open[random.below(open.length)] ?? this.session.connections[0];
    if (connection === undefined) throw new Error(`${this.name} has no connection`);
    return { attacker: this, connection };
  }

  /** Seldom with a single connection; a session of level 2 that lost all of its connections may be taken up again. */
  async #begin(arena: Arena): Promise<void> {
    const { random } = arena;
    if (this.session.errorRecoveryLevel === 2 && this.session.tsih !== 0 && random.below(4) > 0) {
      await join(arena, this.session, this.place, this.randomCid(arena));
      if (!this.session.closed) return;
    }
    this.session = this.#newSession(arena);
    const { maxConnections } = this.session.terms;
    for (let cid = 1; cid <= maxConnections; cid++) {
      await join(arena, this.session, this.place, cid);
      if (random.oneIn(2)) break;
    }
    if (this.session.errorRecoveryLevel === 0 || random.oneIn(2)) return;
    for (const connection of this.session.open) connection.holdAcknowledgements();
  }

  /** Mostly that of a connection that there is or was. */
  randomCid({ random }: Arena): number {
    const { connections } = this.session;
    if (random.oneIn(4)) return 1 + random.below(MAX_CONNECTIONS);
    return connections[random.below(connections.length)]?.cid ?? 1;
  }
}
