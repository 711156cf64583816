import { addressWithoutZone, uriHost } from '../bytes/index.ts';

/** `192.0.2.5:3260`, `[2001:db8::5]:3260`: always with the port, without which some initiators fail (RFC 7143 §13.8). */
export function formatPortalAddress(host: string, port: number): string {
  return `${uriHost(host)}:${port}`;
}

/** The same as the peer is told it: the zone of an address is this machine's own name for the link (RFC 4007 §11.2). */
export function formatTargetAddress(address: string, port: number): string {
  return formatPortalAddress(addressWithoutZone(address), port);
}
