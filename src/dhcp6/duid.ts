/** DHCP unique identifiers (RFC 8415 §11): who a client or a server is, as bytes that compare. */

import {
  bytes,
  layout,
  type MacAddress,
  macFromBytes,
  macToBytes,
  ProtocolError,
  readU16,
  u16,
  u32,
} from '../bytes/index.ts';

/** RFC 8415 §11.1 */
export const DuidType = { linkLayerTime: 1, enterprise: 2, linkLayer: 3, uuid: 4 } as const;

const ETHERNET = 1;

const LinkLayerTime = layout('DUID-LLT', 14, {
  type: u16(0),
  hardwareType: u16(2),
  time: u32(4),
  address: bytes(8, 6),
});
const LinkLayer = layout('DUID-LL', 10, { type: u16(0), hardwareType: u16(2), address: bytes(4, 6) });
const Uuid = layout('DUID-UUID', 18, { type: u16(0), uuid: bytes(2, 16) });

/** DUID-LL: what a machine without memory of its own has. */
export function duidOfMac(mac: MacAddress): Uint8Array {
  return LinkLayer.encode({ type: DuidType.linkLayer, hardwareType: ETHERNET, address: macToBytes(mac) });
}

/** DUID-UUID (RFC 6355). Raises DHCP6_UUID_INVALID. */
export function duidOfUuid(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new ProtocolError('DHCP6_UUID_INVALID', `"${text}" is not a UUID`);
  return Uuid.encode({ type: DuidType.uuid, uuid: Buffer.from(hex, 'hex') });
}

/** The Ethernet address that a DUID was made from; undefined for all other kinds. */
export function macOfDuid(duid: Uint8Array): MacAddress | undefined {
  const type = duid.length >= 2 ? readU16(duid, 0) : undefined;
  const form = type === DuidType.linkLayerTime ? LinkLayerTime : type === DuidType.linkLayer ? LinkLayer : undefined;
  if (form === undefined || duid.length !== form.size) return undefined;
  const { hardwareType, address } = form.view(duid);
  return hardwareType === ETHERNET ? macFromBytes(address) : undefined;
}

/** The UUID inside a DUID-UUID that is given in hexadecimal digits; undefined for all other kinds. */
export function uuidOfDuid(duid: string): string | undefined {
  const [, ...groups] = /^0004(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(duid) ?? [];
  return groups.length === 0 ? undefined : groups.join('-');
}

export function formatDuid(duid: Uint8Array): string {
  return Buffer.from(duid).toString('hex');
}

export function sameDuid(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined || one.length !== other.length) return one === other;
  return one.every((byte, index) => byte === other[index]);
}
