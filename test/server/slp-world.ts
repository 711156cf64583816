/** SLP agents on one simulated cable, and a machine that looks for its disk there. */

import { findBySlp, type SlpTarget, type SlpTargetSearch } from '../../src/boot/slp-discovery.ts';
import { ipv4Place } from '../../src/server/slp-place.ts';
import { SlpService, type SlpServiceOptions } from '../../src/server/slp-service.ts';
import {
  type Advertisement,
  decodeMessage,
  ISCSI_TARGET,
  type RegistrarEvent,
  type SlpMessage,
  withheldAttributes,
} from '../../src/slp/index.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedSegment } from '../support/simulated-segment.ts';

export { advertised } from '../support/slp-target.ts';

export const machine = '192.0.2.77';
export const initiatorName = 'iqn.2001-04.com.example:host';

export class SlpWorld implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly segment = new SimulatedSegment();
  readonly events: RegistrarEvent[] = [];
  readonly steps: string[] = [];
  readonly #services: SlpService[] = [];

  /** Serves what is advertised there, as service agent and directory agent. */
  async serve(
    address: string,
    services: readonly Advertisement[],
    given: Partial<SlpServiceOptions> = {},
  ): Promise<SlpService> {
    const service = await SlpService.listen({
      network: this.segment.host(address),
      clock: this.clock,
      random: () => 0.5,
      place: ipv4Place('eth0', address),
      ownAddresses: [address],
      scopes: ['DEFAULT'],
      services: { advertisements: () => services },
      serviceTypes: [ISCSI_TARGET],
      withheld: withheldAttributes(false),
      directoryAgents: [],
      onEvent: (event) => this.events.push(event),
      onError: (error) => {
        throw error;
      },
      ...given,
    });
    this.#services.push(service);
    await settled();
    return service;
  }

  /** Looks for targets while time goes by, and says how long that took. */
  async find(
    given: Partial<SlpTargetSearch> = {},
  ): Promise<{ readonly targets: SlpTarget[]; readonly seconds: number }> {
    const begun = this.clock.monotonic();
    const search = findBySlp({
      network: this.segment.host(machine),
      clock: this.clock,
      random: () => 0.5,
      address: machine,
      initiatorName,
      timeout: 60_000,
      signal: new AbortController().signal,
      onStep: (text) => this.steps.push(text),
      ...given,
    });
    return this.whileTimePasses(
      search.then((targets) => ({ targets, seconds: (this.clock.monotonic() - begun) / 1000 })),
    );
  }

  async whileTimePasses<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = work.finally(() => {
      isDone = true;
    });
    end.catch(() => {});
    for (await settled(); !isDone; await settled()) await this.clock.pass(250);
    return end;
  }

  /** What went over the cable by UDP: who, to whom, what. */
  get messages(): (SlpMessage & { readonly from: string; readonly to: string })[] {
    return this.segment.sent.map(({ from, to, data }) => ({
      ...decodeMessage(data),
      from: from.address,
      to: to.address,
    }));
  }

  async end(service: SlpService): Promise<void> {
    this.#services.splice(this.#services.indexOf(service), 1);
    await this.whileTimePasses(service[Symbol.asyncDispose]());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of [...this.#services]) await this.end(service);
  }
}
