/** What happens at the iSCSI portals, as steps of boots and as events. */

import type { MacAddress } from '../bytes/index.ts';
import type { SessionEnd, SessionReference, TargetEvent } from '../target/event.ts';
import type { BootTrace, SessionSeen } from './boot-trace.ts';
import type { ServerEventBody } from './events.ts';
import type { Machines } from './machines.ts';

export class TargetObserver {
  readonly #machines: Machines;
  readonly #trace: BootTrace;
  readonly #emit: (event: ServerEventBody) => void;

  constructor(machines: Machines, trace: BootTrace, emit: (event: ServerEventBody) => void) {
    this.#machines = machines;
    this.#trace = trace;
    this.#emit = emit;
  }

  observe(event: TargetEvent): void {
    switch (event.kind) {
      case 'connected':
        break;
      case 'login failed': {
        const text = `iSCSI login from ${event.remote.address} refused: ${event.error.message}`;
        this.#trouble('ISCSI_LOGIN_REFUSED', text, this.#machines.at(event.remote.address));
        break;
      }
      case 'login':
        this.#login(event.session);
        break;
      case 'first read':
        this.#withMachine(event.session, (session) => this.#trace.firstRead(session));
        break;
      case 'session ended':
        this.#ended(event.session, event.reason, event.error);
        break;
      case 'device failed':
        this.#withMachine(event.session, ({ mac }) => this.#trouble('DISK_FAILED', event.error.message, mac));
        break;
    }
  }

  #login(reference: SessionReference): void {
    this.#withMachine(reference, (session, target) => {
      const { mac, initiatorName: initiator, address } = session;
      this.#machines.loggedInFrom(address, mac);
      const boot = this.#trace.login(session);
      const part = boot === undefined ? {} : { boot };
      this.#emit({ event: 'connected', mac, target, initiator, address, ...part });
    });
  }

  #ended(reference: SessionReference, reason: SessionEnd, error: Error | undefined): void {
    this.#withMachine(reference, (session, target) => {
      const { mac, initiatorName: initiator, address } = session;
      const why = error === undefined ? reason : `${reason}: ${error.message}`;
      const boot = this.#trace.ended(session, isFailure(reason, error) ? why : undefined);
      const part = boot === undefined ? {} : { boot };
      this.#emit({ event: 'disconnected', mac, target, initiator, address, reason: why, ...part });
    });
  }

  /** Discovery sessions have no target, and are nobody's boot. */
  #withMachine(reference: SessionReference, then: (session: SessionSeen, target: string) => void): void {
    const { targetName, initiatorName, isid, tsih, remote } = reference;
    const mac = targetName === undefined ? undefined : this.#machines.byTargetName(targetName);
    if (targetName === undefined || mac === undefined) return;
    then({ id: `${targetName} ${isid} ${tsih}`, mac, isid, initiatorName, address: remote.address }, targetName);
  }

  #trouble(code: string, text: string, mac: MacAddress | undefined): void {
    this.#emit({ event: 'trouble', code, text, ...(mac === undefined ? {} : { mac }) });
  }
}

/** A connection that its initiator closed without logging out is how iPXE ends every session. */
function isFailure(reason: SessionEnd, error: Error | undefined): boolean {
  return (
    reason === 'unresponsive' || reason === 'protocol error' || (reason === 'connection lost' && error !== undefined)
  );
}
