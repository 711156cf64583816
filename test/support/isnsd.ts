/** `isnsd` (open-isns) on an address of the loopback interface, for as long as a test runs. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ISNS_PORT } from '../../src/isns/pdu.ts';
import { end } from './namespace-pair.ts';
import { findProgram } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const adminName = 'iqn.2001-04.com.example:admin';

/** Runs until the test has ended. */
export async function startIsnsd(t: TestContext, address: string): Promise<void> {
  const directory = temporaryDirectory(t);
  const settings = {
    SourceName: 'iqn.2001-04.com.example:isnsd',
    Database: join(directory, 'database'),
    BindAddress: `${address}:${ISNS_PORT}`,
    PIDFile: join(directory, 'pid'),
    ControlSocket: join(directory, 'control'),
    Security: '0',
    SLPRegister: '0',
    DefaultDiscoveryDomain: '0',
  };
  const file = configuration(directory, 'isnsd.conf', settings);
  const daemon = spawn(findProgram('isnsd') ?? 'isnsd', ['-4', '-f', '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => end(daemon));
  await listening(daemon, address);
}

async function listening(daemon: ChildProcess, address: string): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  while (daemon.exitCode === null) {
    const socket = connect({ host: address, port: ISNS_PORT });
    const isUp = await once(socket, 'connect', { signal }).then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return;
    signal.throwIfAborted();
  }
  assert.fail('isnsd has ended');
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

  constructor(t: TestContext, address: string, sourceName = adminName) {
    const settings = { SourceName: sourceName, ServerAddress: `${address}:${ISNS_PORT}`, Security: '0' };
    this.#file = configuration(temporaryDirectory(t), 'isnsadm.conf', settings);
  }

  async run(...args: readonly string[]): Promise<IsnsadmResult> {
    const program = findProgram('isnsadm') ?? 'isnsadm';
    const child = spawn(program, ['-c', this.#file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
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
