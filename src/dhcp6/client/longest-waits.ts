/** How long at most a client waits before it says something again: what servers have changed (RFC 8415 §21.24, §21.25). */

import type { Dhcp6Message } from '../message.ts';
import { Option } from '../option.ts';
import { givenMaximum } from './retransmission.ts';
import type { State } from './state.ts';

export class LongestWaits {
  #solMaxRt: number | undefined;
  #infMaxRt: number | undefined;

  heed({ options }: Dhcp6Message): void {
    this.#solMaxRt = givenMaximum(options.find(Option.solMaxRt)) ?? this.#solMaxRt;
    this.#infMaxRt = givenMaximum(options.find(Option.infMaxRt)) ?? this.#infMaxRt;
  }

  /** In milliseconds; undefined where no server has said otherwise than the standard. */
  in(state: State['name']): number | undefined {
    if (state === 'soliciting') return this.#solMaxRt;
    return state === 'informing' ? this.#infMaxRt : undefined;
  }
}
