/** `isnsd` (open-isns) on an address of this machine or of a network namespace, for as long as a test runs. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { addressBytes, isIpv4 } from '../../src/bytes/index.ts';
import { formatPortalAddress } from '../../src/iscsi/portal-address.ts';
import { ISNS_PORT } from '../../src/isns/pdu.ts';
import { end } from './namespace-pair.ts';
import { findProgram } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const adminName = 'iqn.2001-04.com.example:admin';

/** Runs until the test has ended. `wrapper` goes before the program, such as `ip netns exec NAME`. */
export async function startIsnsd(t: TestContext, address: string, wrapper: readonly string[] = []): Promise<void> {
  const directory = temporaryDirectory(t);
  const settings = {
    SourceName: 'iqn.2001-04.com.example:isnsd',
    Database: join(directory, 'database'),
    BindAddress: formatPortalAddress(address, ISNS_PORT),
    PIDFile: join(directory, 'pid'),
    ControlSocket: join(directory, 'control'),
    Security: '0',
    SLPRegister: '0',
    DefaultDiscoveryDomain: '0',
  };
  const file = configuration(directory, 'isnsd.conf', settings);
  const [program = '', ...args] = [
    ...wrapper,
    findProgram('isnsd') ?? 'isnsd',
    isIpv4(address) ? '-4' : '-6',
    '-f',
    '-c',
    file,
  ];
  const daemon = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => end(daemon));
  await listening(daemon, address);
}

/** Until the kernel shows it as a listener in the daemon's network; nobody else can see into that. */
async function listening(daemon: ChildProcess, address: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  const listener = new RegExp(` ${kernelForm(address, ISNS_PORT)} \\w+:\\w+ 0A `);
  while (daemon.exitCode === null) {
    if (listener.test(await readFile(`/proc/${daemon.pid}/net/${isIpv4(address) ? 'tcp' : 'tcp6'}`, 'utf8'))) return;
    await setTimeout(20, undefined, { signal });
  }
  assert.fail('isnsd has ended');
}

/** `0100007F:0C85`: the address as numbers of this machine's byte order, and the port. */
function kernelForm(address: string, port: number): string {
  const words = new Uint32Array(Uint8Array.from(addressBytes(address) ?? []).buffer);
  const hexadecimal = (number: number, digits: number) => number.toString(16).toUpperCase().padStart(digits, '0');
  return `${[...words].map((word) => hexadecimal(word, 8)).join('')}:${hexadecimal(port, 4)}`;
}

function configuration(directory: string, name: string, settings: Readonly<Record<string, string>>): string {
  const file = join(directory, name);
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(''),
  );
  return file;
}

export interface IsnsadmResult {
  readonly status: number | null;
  /** Both outputs together. */
  readonly output: string;
}

/** `isnsadm` with a server at an address. */
export class Isnsadm {
  readonly #file: string;
  readonly #wrapper: readonly string[];

  constructor(t: TestContext, address: string, sourceName = adminName, wrapper: readonly string[] = []) {
    this.#wrapper = wrapper;
    const settings = { SourceName: sourceName, ServerAddress: formatPortalAddress(address, ISNS_PORT), Security: '0' };
    this.#file = configuration(temporaryDirectory(t), 'isnsadm.conf', settings);
  }

  async run(...args: readonly string[]): Promise<IsnsadmResult> {
    const command = [...this.#wrapper, findProgram('isnsadm') ?? 'isnsadm', '-c', this.#file, ...args];
    const [program = '', ...rest] = command;
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const [status] = await once(child, 'close');
    return { status, output };
  }

  /** The same, and it must have gone well. Gives the output. */
  async succeed(...args: readonly string[]): Promise<string> {
    const { status, output } = await this.run(...args);
    assert.equal(status, 0, output);
    return output;
  }
}
