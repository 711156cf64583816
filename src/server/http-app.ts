/** What is served by HTTP: the boot loaders, and an iPXE script for each machine. */

import { Hono } from 'hono';
import { isIpv4, type MacAddress, parseMac } from '../bytes/index.ts';
import { type DiskPlace, type MachineDisk, rootPathOf } from './boot-policy.ts';
import { fileResponse } from './file-response.ts';
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
      const loader = loaders.get(name);
      if (loader === undefined) return context.notFound();
      const { method } = context.req;
      const response = fileResponse(loader, method, (field) => context.req.header(field));
      if (method === 'GET' && response.ok) {
        options.onLoader(options.endsOf(context.env).remote, name, loader.bytes.length);
      }
      return response;
    });
  }
  for (const path of ['/boot.ipxe', ...loaders.names.map((name) => `/${name}`)]) {
    app.all(path, (context) => context.text('only GET and HEAD\n', 405, { allow: 'GET, HEAD' }));
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

/** A dual-stack socket shows IPv4 peers in IPv6 form. */
export function plainAddress(address: string | undefined): string {
  const text = (address ?? '').replace(/^::ffff:/, '');
  return isIpv4(text) ? text : (address ?? '');
}
