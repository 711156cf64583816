/**
 * How an export is named (NBD's uri.md): `nbd://192.0.2.5:10809/export`, or `nbd+unix:///export?socket=/run/disk.sock` for a socket of
 * the file system.
 */

import { DisklessError, hostOfUri, uriHost } from '../bytes/index.ts';

export const NBD_PORT = 10_809;

export type NbdPlace =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'local'; readonly path: string };

export interface NbdAddress {
  readonly place: NbdPlace;
  /** Empty for the default export. */
  readonly exportName: string;
}

/** Whether a text is meant as such a name. */
export function isNbdUri(text: string): boolean {
  return /^nbds?(\+[a-z]+)?:/i.test(text);
}

/** Raises NBD_URI. */
export function parseNbdUri(text: string): NbdAddress {
  const uri = URL.parse(text);
  if (uri === null || !isNbdUri(text)) throw invalid(`"${text}" is no NBD URI`);
  const exportName = decodePart(uri.pathname.replace(/^\//, ''), text);
  if (uri.protocol === 'nbd:') {
    if (uri.hostname === '') throw invalid(`"${text}" names no host`);
    const host = hostOfUri(uri.hostname);
    return { place: { kind: 'tcp', host, port: uri.port === '' ? NBD_PORT : Number(uri.port) }, exportName };
  }
  if (uri.protocol !== 'nbd+unix:') throw invalid(`"${uri.protocol}" is a way that this program does not go`);
  const path = uri.searchParams.get('socket');
  if (path === null || path === '') throw invalid(`"${text}" names no socket`);
  return { place: { kind: 'local', path }, exportName };
}

export function formatNbdUri({ place, exportName }: NbdAddress): string {
  const name = encodeURIComponent(exportName);
  if (place.kind === 'local')
    return `nbd+unix:///${name}?socket=${encodeURI(place.path).replaceAll(/[?#&+]/g, encodeURIComponent)}`;
  return `nbd://${uriHost(place.host)}:${place.port}/${name}`;
}

function decodePart(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`"${text}" has an export name that cannot be read`);
  }
}

function invalid(message: string): DisklessError {
  return new DisklessError('NBD_URI', message, {
    hint: 'Write nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH.',
  });
}
