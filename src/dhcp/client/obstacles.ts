/** What has stood between a client and its address so far: what must not be believed is told, and the worst is kept for the end. */

import { moreTelling, type Obstacle } from './give-up.ts';
import type { DhcpClientAction } from './state.ts';

/** More are a flood, of which the first are told. */
const mostTold = 16;

export class Obstacles {
  #worst: Obstacle | undefined;
  #told = 0;

  /** The most telling one. */
  get worst(): Obstacle | undefined {
    return this.#worst;
  }

  note(obstacle: Obstacle): void {
    this.#worst = moreTelling(this.#worst, obstacle);
  }

  /** An answer that is not heeded. */
  tell(obstacle: Extract<Obstacle, { kind: 'unproven' | 'discarded' | 'contradicted' }>): DhcpClientAction[] {
    this.note(obstacle);
    this.#told += 1;
    if (this.#told > mostTold) return [];
    const reason = obstacle.kind === 'contradicted' ? obstacle.what : obstacle.reason;
    return [{ type: 'discarded', server: obstacle.server, reason }];
  }

  /** There is an address. */
  forget(): void {
    this.#worst = undefined;
  }
}
