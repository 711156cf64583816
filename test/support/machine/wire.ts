/** What goes over the network of machines, as Wireshark's dissector reads it while it goes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Console } from './console.ts';
import type { MachineNetwork } from './network.ts';

export interface WireOptions {
  readonly network: Pick<MachineNetwork, 'bridge' | 'inside'>;
  /** Which packets are kept, in libpcap's words. */
  readonly capture: string;
  /** Which of them are shown, in Wireshark's words. */
  readonly show: string;
  /** What is shown of them. */
  readonly fields: readonly string[];
}

export interface Wire extends AsyncDisposable {
  /** Waits for a packet whose fields, with tabs between them, match; looks behind the last one that did. Milliseconds. */
  heard(pattern: RegExp, timeout: number): Promise<RegExpExecArray>;
}

/**
 * Settles when every packet from then on is heard. A dissector that has not seen a session's login has to guess whether there are
 * digests: listen before the login.
 */
export async function listenOnWire({ network, capture, show, fields }: WireOptions): Promise<Wire> {
  const shown = fields.flatMap((field) => ['-e', field]);
  const args = ['-l', '-i', network.bridge, '-f', capture, '-Y', show, '-T', 'fields', ...shown];
  const tshark = spawn(...network.inside('tshark', ...args), { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(tshark, 'close');
  const packets = new Console(
    () => {},
    () => {},
  );
  const remarks = new Console(
    () => {},
    () => {},
  );
  tshark.stdout.setEncoding('utf8').on('data', (chunk: string) => packets.feed(chunk));
  tshark.stderr.setEncoding('utf8').on('data', (chunk: string) => remarks.feed(chunk));
  exited.then(() => {
    packets.close('tshark ended');
    remarks.close('tshark ended');
  });
  // It names the file when the interface is open; "Capturing on" comes before.
  await remarks.waitFor(/File: /, 60_000);
  return {
    heard: (pattern, timeout) => packets.waitFor(pattern, timeout),
    async [Symbol.asyncDispose]() {
      tshark.kill('SIGINT');
      await exited;
    },
  };
}
