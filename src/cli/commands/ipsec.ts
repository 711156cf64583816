/** `diskless ipsec print`: what the operating system's IPsec needs to protect a boot (RFC 4173 §8, RFC 7146). */

import type { Command } from 'commander';
import { z } from 'zod';
import { DisklessError } from '../../bytes/index.ts';
import { parsePort, rootPathDefaults } from '../../iscsi/root-path.ts';
import { parseServerName, serverHost } from '../../iscsi/server-name.ts';
import { parseAddressLiteral } from '../address-literal.ts';
import { ipsecConfiguration } from '../ipsec-configuration.ts';
import { listOf, setting, textual, type ValuesOf } from '../setting.ts';
import { addAction } from '../setting-flags.ts';

const ENVIRONMENT_PREFIX = 'DISKLESS_IPSEC';

const ipsecSettings = {
  side: setting({
    help: 'which end it is for: client or server; default: client',
    placeholder: 'end',
    schema: z.enum(['client', 'server'], { error: 'expected one of client, server' }),
    fallback: 'client' as const,
  }),
  server: setting({
    help: 'the server’s address',
    placeholder: 'address',
    schema: textual(parseAddressLiteral).optional(),
    fallback: undefined,
  }),
  client: setting({
    help: 'how the client names itself, such as client7.example.com; default: by its address, whichever it is',
    placeholder: 'name',
    schema: textual(parseIdentity).optional(),
    fallback: undefined,
  }),
  port: setting({
    help: `a TCP port of the targets; may be repeated; default: ${rootPathDefaults.port}`,
    placeholder: 'number',
    repeats: true,
    schema: listOf(textual(parsePort)),
    fallback: [],
  }),
};

/** RFC 7146 §3.1: addresses and domain names are what every IKE knows as identities. Raises ROOT_PATH_SERVER. */
function parseIdentity(text: string): string {
  return serverHost(parseServerName(text));
}

export function registerIpsec(ipsec: Command): void {
  const print = ipsec
    .command('print')
    .description('print the strongSwan configuration (swanctl.conf) that protects iSCSI, SLP and iSNS by RFC 7146');
  addAction(print, ipsecSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) => printConfiguration(settings));
}

function printConfiguration({ side, server, client, port }: ValuesOf<typeof ipsecSettings>): void {
  if (server === undefined) {
    throw new DisklessError('USAGE_IPSEC_SERVER', 'IPsec needs to know the address of the server', {
      hint: 'Give --server 192.0.2.5.',
    });
  }
  const ports = port.length === 0 ? [rootPathDefaults.port] : port;
  process.stdout.write(ipsecConfiguration({ side, server, client, ports }));
}
