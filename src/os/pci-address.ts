/** Where the hardware of a network interface sits on the PCI bus. */

import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { MacAddress } from '../bytes/index.ts';

/** In PCI domain 0. */
export interface PciPlace {
  /** 0..255 */
  readonly bus: number;
  /** 0..31 */
  readonly device: number;
  /** 0..7 */
  readonly function: number;
}

/** The last of them on the way to an interface is its card: virtio devices and functions of bridges come behind and before it. */
const FUNCTION = /^0000:([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/;

/**
 * Undefined for interfaces without such hardware. /sys may show another network namespace, in which the name belongs to somebody else:
 * what has another hardware address is not the interface.
 */
export function pciPlaceOf(interfaceName: string, mac: MacAddress, sys = '/sys'): PciPlace | undefined {
  const folder = join(sys, 'class', 'net', interfaceName);
  try {
    if (readFileSync(join(folder, 'address'), 'latin1').trim() !== mac) return undefined;
    const places = realpathSync(join(folder, 'device')).split('/').flatMap(placeOf);
    return places.at(-1);
  } catch {
    return undefined;
  }
}

function placeOf(component: string): PciPlace[] {
  const [, bus, device, number] = FUNCTION.exec(component) ?? [];
  if (bus === undefined || device === undefined || number === undefined) return [];
  return [{ bus: Number.parseInt(bus, 16), device: Number.parseInt(device, 16), function: Number(number) }];
}
