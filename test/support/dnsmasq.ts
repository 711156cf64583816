/** `dnsmasq` as a DHCP server in the server's namespace of a pair, for as long as a test runs. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { end, type NamespacePair } from './namespace-pair.ts';
import { findProgram } from './requires.ts';

export interface Dnsmasq extends AsyncDisposable {
  /** All that it has logged. */
  readonly log: readonly string[];
}

/** Gives addresses from 192.0.2.100 on. `settings` are further options, such as `--dhcp-option=17,...`. */
export async function startDnsmasq(pair: NamespacePair, settings: readonly string[]): Promise<Dnsmasq> {
  const daemon = pair.spawn('server', findProgram('dnsmasq') ?? 'dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--log-facility=-',
    '--log-dhcp',
    '--user=root',
    '--pid-file=',
    '--port=0',
    '--no-ping',
    '--leasefile-ro',
    '--interface=server0',
    '--bind-interfaces',
    '--dhcp-authoritative',
    '--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,1h',
    ...settings,
  ]);
  const log: string[] = [];
  const up = new Promise<void>((resolve) => {
    if (daemon.stderr === null) return;
    createInterface({ input: daemon.stderr }).on('line', (line) => {
      log.push(line);
      if (line.includes('DHCP, sockets bound')) resolve();
    });
  });
  const ended = once(daemon, 'exit').then(() => Promise.reject(new Error(`dnsmasq ended: ${log.join('\n')}`)));
  ended.catch(() => {});
  await Promise.race([up, ended]);
  return { log, [Symbol.asyncDispose]: () => end(daemon) };
}
