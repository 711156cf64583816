/** What an attack has at hand. */

import type { ObservedConnection } from '../observed/connection.ts';
import type { Scene } from '../portal/log-in.ts';
import type { RandomPdu } from '../random/request.ts';
import type { Attacker } from './attacker.ts';

export interface Arena extends Scene {
  readonly attackers: readonly Attacker[];
  /** What is being done, for people. */
  note(what: string): void;
  /** Holds what the target keeps against its bounds. */
  checkBounds(): void;
}

/** Who attacks now, and on which of its connections. */
export interface Position {
  readonly attacker: Attacker;
  readonly connection: ObservedConnection;
}

/** Does something to the target. Gives the PDU that it sent when what must become of it is certain. */
export type Attack = (arena: Arena, position: Position) => Promise<RandomPdu | undefined>;
