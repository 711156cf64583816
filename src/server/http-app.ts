/** What is served by HTTP: the boot loaders, and an iPXE script for each machine. */

import { Hono } from 'hono';
import { isIpv4, type MacAddress, parseMac } from '../bytes/index.ts';
import { type DiskPlace, type MachineDisk, rootPathOf } from './boot-policy.ts';
import { parseByteRange } from './byte-range.ts';
import type { Loaders } from './loaders.ts';

/** Both ends of the connection that a request came by. */
export interface Ends {
  readonly local: string;
  readonly remote: string;
}

export interface HttpAppOptions {
  readonly loaders: Loaders;
  readonly endsOf: (environment: unknown) => Ends;
  /** Where machines find the server, by the address at which they reached it. */
  readonly placeAt: (localAddress: string) => DiskPlace;
  readonly diskOf: (mac: MacAddress) => MachineDisk;
  readonly onLoader: (remote: string, name: string, size: number) => void;
  readonly onScript: (mac: MacAddress, rootPath: string) => void;
}

export function httpApp(options: HttpAppOptions): Hono {
  const app = new Hono();
  const { loaders } = options;

  app.get('/boot.ipxe', (context) => {
    const { local } = options.endsOf(context.env);
    const given = context.req.query('mac');
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    if (given === undefined) return context.body(introduceYourself, 200, headers);
    const mac = readMac(given);
    if (mac === undefined) return context.text(`"${given}" is not a MAC address\n`, 400);
    const place = options.placeAt(local);
    const disk = options.diskOf(mac);
    options.onScript(mac, rootPathOf(place, disk));
    return context.body(machineScript(place, disk), 200, headers);
  });

  for (const name of loaders.names) {
    app.get(`/${name}`, (context) => {
      const bytes = loaders.read(name) ?? new Uint8Array();
      if (context.req.method === 'GET') options.onLoader(options.endsOf(context.env).remote, name, bytes.length);
      return fileResponse(bytes, context.req.header('range'));
    });
  }
  return app;
}

/** iPXE knows its own address: it asks again with it. */
const introduceYourself = `#!ipxe
chain boot.ipxe?mac=\${netX/mac}
`;

function machineScript(place: DiskPlace, disk: MachineDisk): string {
  return ['#!ipxe', `set initiator-iqn ${disk.initiatorName}`, `sanboot ${rootPathOf(place, disk)}`, ''].join('\n');
}

function readMac(text: string): MacAddress | undefined {
  try {
    return parseMac(text);
  } catch {
    return undefined;
  }
}

/** UEFI asks for the size by HEAD first, and refuses a file without Content-Length. */
function fileResponse(bytes: Uint8Array, rangeHeader: string | undefined): Response {
  const range = parseByteRange(rangeHeader, bytes.length);
  const headers = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' };
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } });
  }
  const part = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
  const partial = range === undefined ? {} : { 'content-range': `bytes ${range.first}-${range.last}/${bytes.length}` };
  return new Response(Uint8Array.from(part), {
    status: range === undefined ? 200 : 206,
    headers: { ...headers, ...partial, 'content-length': String(part.length) },
  });
}

/** A dual-stack socket shows IPv4 peers in IPv6 form. */
export function plainAddress(address: string | undefined): string {
  const text = (address ?? '').replace(/^::ffff:/, '');
  return isIpv4(text) ? text : (address ?? '');
}
