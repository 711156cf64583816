/** What a boot server tells its owner while it runs. Every event is plain data, so that it can be shown, kept and sent on. */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';
import type { BootOutcome } from '../fleet/boot.ts';
import type { BootStage } from './boot-stage.ts';

export type ServerEvent = { /** Milliseconds since the Unix epoch. */ readonly time: number } & ServerEventBody;

export type ServerEventBody =
  /** Long work before the start: the image is converted, or read through once. `fraction` is 0 to 1. */
  | { readonly event: 'image-progress'; readonly step: 'convert' | 'identify'; readonly fraction: number }
  | {
      readonly event: 'dhcp-mode';
      readonly interface: string;
      readonly mode: 'full' | 'proxy' | 'off';
      readonly reason: string;
    }
  | {
      readonly event: 'ready';
      readonly image: string;
      /** Bytes. */
      readonly imageSize: number;
      readonly data: string;
      readonly loaders: readonly string[];
      readonly interfaces: readonly ServedInterface[];
    }
  | BootStepEvent
  | {
      readonly event: 'boot-end';
      readonly boot: string;
      readonly mac: MacAddress;
      readonly outcome: BootOutcome;
      readonly elapsed: number;
    }
  /** An address for a machine that does not boot from here, or again for one that runs. */
  | {
      readonly event: 'lease';
      readonly change: 'bound' | 'renewed' | 'released' | 'declined';
      readonly mac?: MacAddress;
      readonly address: Ipv4Address | Ipv6Address;
      readonly hostName?: string;
    }
  | {
      readonly event: 'connected' | 'disconnected';
      readonly mac?: MacAddress;
      readonly target: string;
      readonly initiator: string;
      readonly address: string;
      /** It is a session of this boot’s firmware, or began as a step of the boot. */
      readonly boot?: string;
      /** How it ended. */
      readonly reason?: string;
    }
  /** Another SLP directory agent knows the targets now, or has fallen silent. */
  | { readonly event: 'slp'; readonly change: 'registered' | 'lost'; readonly directoryAgent: string }
  /** Something went wrong that does not end the server. */
  | { readonly event: 'trouble'; readonly code: string; readonly text: string; readonly mac?: MacAddress }
  | { readonly event: 'stopping'; readonly reason: string }
  | { readonly event: 'stopped' };

export interface BootStepEvent {
  readonly event: 'boot-step';
  /** The boot's correlation id. */
  readonly boot: string;
  readonly mac: MacAddress;
  readonly stage: BootStage;
  readonly text: string;
  /** Milliseconds since the boot's first step. */
  readonly elapsed: number;
}

export interface ServedInterface {
  readonly name: string;
  /** Of IPv4, with its subnet; without them the interface is served over IPv6 alone. */
  readonly address?: Ipv4Address;
  readonly subnet?: string;
  readonly dhcp: 'full' | 'proxy' | 'off';
  readonly pool?: string;
  /** Over IPv4, or over IPv6 alone, as the two that follow. */
  readonly tftp: string;
  readonly http: string;
  readonly iscsi: string;
  /** Where machines are served over IPv6. */
  readonly ipv6?: ServedIpv6;
}

export interface ServedIpv6 {
  readonly address: Ipv6Address;
  readonly prefix: string;
  readonly pool: string;
}

export type EventListener = (event: ServerEvent) => void;
