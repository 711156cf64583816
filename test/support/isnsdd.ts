/** `isnsdd` (open-isns), which registers what a file lists, asks to be told of changes, and answers status inquiries: for one test. */

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ISNS_PORT } from '../../src/isns/pdu.ts';
import { end, said } from './namespace-pair.ts';
import { findProgram } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface Isnsdd {
  /** Waits until it has said a line. */
  said(pattern: RegExp): Promise<void>;
  end(): Promise<void>;
}

/** An initiator with a portal, and the interval of its status inquiries in seconds. */
export function startIsnsdd(t: TestContext, server: string, name: string, portal: string, esiInterval: number): Isnsdd {
  const directory = temporaryDirectory(t);
  const settings = {
    SourceName: name,
    ServerAddress: `${server}:${ISNS_PORT}`,
    Security: '0',
    PIDFile: join(directory, 'pid'),
    ESIMinInterval: `${esiInterval}s`,
  };
  const configuration = join(directory, 'isnsdd.conf');
  writeFileSync(
    configuration,
    Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(''),
  );
  const [address, port] = portal.split(':');
  const objects = [`iscsi-name=${name} iscsi-node-type=initiator`, `portal-addr=${address} portal-port=${port}/tcp`];
  const list = join(directory, 'registry');
  writeFileSync(list, objects.map((object) => `${object} owner=test\n`).join(''));
  // The list's place is fixed, so that the daemon gets a /run of its own.
  const program = findProgram('isnsdd') ?? 'isnsdd';
  const script = 'mount -t tmpfs none /run && cp "$0" /run/isns.registry && exec "$@"';
  const command = ['--mount', 'sh', '-c', script, list, program, '-4', '-f', '-d', 'message', '-c', configuration];
  const daemon: ChildProcess = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => end(daemon));
  return { said: (pattern) => said(daemon, pattern), end: () => end(daemon) };
}
