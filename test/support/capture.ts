/** All that goes over the cable of a NamespacePair, and what Wireshark makes of it. Needs tshark and root. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type NamespacePair, said } from './namespace-pair.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The capture has begun, and has all, when datagrams with these are in it. */
const FIRST = 'the first datagram';
const LAST = 'the last datagram';

export class Capture {
  readonly #pair: NamespacePair;
  readonly #file: string;
  readonly #sniffer: ChildProcess;
  #remarks = '';

  private constructor(pair: NamespacePair, file: string) {
    this.#pair = pair;
    this.#file = file;
    this.#sniffer = pair.spawn('server', 'tshark', ['-q', '-B', '64', '-i', 'server0', '-w', file]);
    this.#sniffer.stderr?.on('data', (chunk) => {
      this.#remarks += chunk;
    });
  }

  static async start(t: TestContext, pair: NamespacePair): Promise<Capture> {
    const capture = new Capture(pair, join(temporaryDirectory(t), 'cable.pcap'));
    t.after(() => capture.#sniffer.kill('SIGKILL'));
    await said(capture.#sniffer, /Capturing on/);
    await capture.#seen(FIRST);
    return capture;
  }

  /** Port 9 discards. */
  async #seen(text: string): Promise<void> {
    const send = `const s = require('node:dgram').createSocket('udp4');
      s.bind(0, () => { s.setBroadcast(true); s.send('${text}', 9, '192.0.2.255', () => s.close()); });`;
    do spawnSync('ip', ['netns', 'exec', this.#pair.server, process.execPath, '-e', send]);
    while (!(await contains(this.#file, text)));
  }

  /** Ends it when all that has been sent is in it. */
  async stop(): Promise<void> {
    await this.#seen(LAST);
    const ended = once(this.#sniffer, 'close');
    this.#sniffer.kill('SIGINT');
    await ended;
    // With holes in it, a capture proves nothing.
    assert.doesNotMatch(this.#remarks, /dropped/);
  }

  /** The wanted fields of each packet that a display filter finds, one line for a packet. */
  fields(filter: string, ...names: readonly string[]): string[] {
    const wanted = names.flatMap((name) => ['-e', name]);
    const { status, stdout, stderr } = spawnSync(
      'tshark',
      ['-r', this.#file, '-Y', filter, '-T', 'fields', ...wanted],
      {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
      },
    );
    assert.equal(status, 0, stderr);
    return stdout.split('\n').filter((line) => line !== '');
  }
}

async function contains(file: string, text: string): Promise<boolean> {
  try {
    return (await readFile(file)).includes(text);
  } catch {
    return false;
  }
}
