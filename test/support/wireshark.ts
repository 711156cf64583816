/** What Wireshark makes of a server's traffic on the loopback interface. Needs tshark and root. */

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.ts';

/** Logs in to the target, or asks the server, under a name, so that there are packets with that name in them. */
export type Knock = (initiatorName: string) => Promise<unknown>;

export type Protocol = 'iscsi' | 'isns';

/** The capture has begun, and has all, when these are in it. */
const FIRST = 'iqn.2001-04.com.example:first';
const LAST = 'iqn.2001-04.com.example:last';

export class Wireshark {
  readonly #sniffer: ChildProcessByStdio<null, null, Readable>;
  readonly #file: string;
  readonly #port: number;
  readonly #knock: Knock;
  readonly #protocol: Protocol;
  readonly #remarks: string[] = [];

  private constructor(
    sniffer: ChildProcessByStdio<null, null, Readable>,
    file: string,
    port: number,
    knock: Knock,
    protocol: Protocol,
  ) {
    this.#sniffer = sniffer;
    this.#protocol = protocol;
    this.#file = file;
    this.#port = port;
    this.#knock = knock;
  }

  /** Captures what goes to and from a port. */
  static async start(t: TestContext, port: number, knock: Knock, protocol: Protocol = 'iscsi'): Promise<Wireshark> {
    const file = join(temporaryDirectory(t), 'session.pcap');
    const args = ['-q', '-B', '64', '-i', 'lo', '-f', `port ${port}`, '-w', file];
    const sniffer = spawn('tshark', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => sniffer.kill('SIGKILL'));
    const wireshark = new Wireshark(sniffer, file, port, knock, protocol);
    await wireshark.#ready();
    return wireshark;
  }

  /** The line comes before the capture has begun: packets are sent until one is in the file. */
  async #ready(): Promise<void> {
    const lines = createInterface({ input: this.#sniffer.stderr }).on('line', (line) => this.#remarks.push(line));
    while (!this.#remarks.some((line) => line.includes('Capturing on'))) await once(lines, 'line');
    await this.#seen(FIRST);
  }

  async #seen(initiatorName: string): Promise<void> {
    do await this.#knock(initiatorName);
    while (!(await contains(this.#file, initiatorName)));
  }

  /** Ends the capture when all that has been sent is in it. */
  async stop(): Promise<void> {
    await this.#seen(LAST);
    this.#sniffer.kill('SIGINT');
    await once(this.#sniffer, 'close');
    // With holes in it, a capture proves nothing.
    assert.ok(!this.#remarks.some((line) => line.includes('dropped')), this.#remarks.join('\n'));
  }

  /** The wanted fields of each packet that a display filter finds, one line for a packet. */
  fields(filter: string, ...names: readonly string[]): string[] {
    const wanted = names.flatMap((name) => ['-e', name]);
    const decodeAs = ['-d', `tcp.port==${this.#port},${this.#protocol}`];
    const args = ['-r', this.#file, ...decodeAs, '-Y', filter, '-T', 'fields', ...wanted];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** What is wrong with what the target sent, and with what it was sent. */
  complaints(filter: string = this.#protocol): string[] {
    const ill = `${filter} && (_ws.malformed || _ws.expert.severity == error)`;
    const kind = this.#protocol === 'iscsi' ? 'iscsi.opcode' : 'isns.functionid';
    return this.fields(ill, 'frame.number', kind, '_ws.expert.message');
  }
}

async function contains(file: string, text: string): Promise<boolean> {
  try {
    return (await readFile(file)).includes(text);
  } catch {
    return false;
  }
}
