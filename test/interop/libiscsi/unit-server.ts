/** Serves a logical unit of a configuration by `diskless target` or by `tgtd`, each as a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../support/free-port.ts';
import { startTgtd } from '../../support/tgtd.ts';
import { CHAP_SECRET, type Configuration, UNIT_SIZE } from './configurations.ts';

export type Maker = 'diskless' | 'tgtd';

/** A unit that is being served. */
export interface UnitServer extends AsyncDisposable {
  /** What `iscsi-test-cu` wants: one URL for each path. */
  readonly urls: readonly string[];
  /** Why it ended although nobody ended it. */
  readonly failure: string | undefined;
}

const TARGET_NAME = 'iqn.2026-11.internal.diskless.test:libiscsi';
const checkout = join(import.meta.dirname, '../../..');

/** Whether there is such a unit of this maker: tgtd's all support DPO and FUA. */
export function canServe(maker: Maker, { dpoFua }: Configuration): boolean {
  return maker === 'diskless' || dpoFua;
}

/** Serves an empty unit to `user`, or to everybody. Rejects with what the server said when it does not come up. */
export async function serveUnit(maker: Maker, configuration: Configuration, user?: string): Promise<UnitServer> {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'diskless-libiscsi-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const image = join(folder, 'unit.img');
  await writeFile(image, '');
  await truncate(image, UNIT_SIZE);
  const portal = `127.0.0.1:${await freePort()}`;
  const start = maker === 'diskless' ? startDiskless : serveByTgtd;
  const server = await start({ configuration, image, portal, folder, user });
  resources.use(server);
  const credentials = user === undefined ? '' : `${user}%${CHAP_SECRET}@`;
  const url = `iscsi://${credentials}${portal}/${TARGET_NAME}/${server.lun}`;
  const held = resources.move();
  return {
    urls: configuration.twoPaths ? [url, url] : [url],
    get failure() {
      return server.failure;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface Order {
  readonly configuration: Configuration;
  readonly image: string;
  readonly portal: string;
  readonly folder: string;
  readonly user: string | undefined;
}

interface Started extends AsyncDisposable {
  readonly lun: number;
  readonly failure: string | undefined;
}

async function startDiskless(order: Order): Promise<Started> {
  const child = spawn(process.execPath, await disklessCommand(order), { stdio: ['ignore', 'ignore', 'pipe'] });
  const server = new DisklessProcess(child);
  await server.ready();
  return server;
}

async function disklessCommand({ configuration, image, portal, folder, user }: Order): Promise<string[]> {
  const { physicalBlockSize, removable, readOnly, sanitize, dpoFua } = configuration;
  const flags = ['--name', TARGET_NAME, '--listen', portal];
  if (removable) flags.push('--removable');
  if (readOnly) flags.push('--read-only');
  if (user !== undefined) {
    const file = join(folder, 'chap');
    await writeFile(file, `initiator ${user} ${CHAP_SECRET}\n`, { mode: 0o600 });
    flags.push('--chap-file', file);
  }
  if (flags.length > 4 || physicalBlockSize === 4096)
    return [join(checkout, 'bin/diskless.js'), 'target', image, ...flags];
  const traits = [...(sanitize ? ['slow'] : []), ...(dpoFua ? [] : ['no-dpo-fua'])];
  return [join(import.meta.dirname, 'unit-program.ts'), image, TARGET_NAME, portal, ...traits];
}

class DisklessProcess implements Started {
  readonly lun = 0;
  readonly #child: ChildProcess;
  /** The end of what it said. */
  #lastLines: string[] = [];
  #stopping = false;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Its first line on standard error says that it listens. */
  async ready(): Promise<void> {
    if (this.#child.stderr === null) throw new Error('standard error is not piped');
    const lines = createInterface({ input: this.#child.stderr });
    lines.on('line', (line) => {
      this.#lastLines = [...this.#lastLines.slice(-2), line];
    });
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error(`diskless ended: ${this.#lastLines.join(' ')}`);
    });
    ended.catch(() => {});
    await Promise.race([once(lines, 'line'), ended]);
    // A line may also be the complaint of a process that is about to end.
    if (!this.#lastLines.some((line) => line.includes(' at '))) await ended;
  }

  get failure(): string | undefined {
    if (this.#stopping || (this.#child.exitCode === null && this.#child.signalCode === null)) return undefined;
    return `the target ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#lastLines.join(' ')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#stopping = true;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const impatient = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(impatient);
  }
}

async function serveByTgtd({ configuration, image, portal, user }: Order): Promise<Started> {
  const { physicalBlockSize, removable, readOnly } = configuration;
  const parameters = [
    'thin_provisioning=1',
    `lbppbe=${Math.log2(physicalBlockSize / 512)}`,
    ...(removable ? ['removable=1'] : []),
    ...(readOnly ? ['readonly=1'] : []),
  ];
  const settings = [
    ['--op', 'update', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '--params', parameters.join(',')],
    ...(user === undefined
      ? []
      : [
          ['--op', 'new', '--mode', 'account', '--user', user, '--password', CHAP_SECRET],
          ['--op', 'bind', '--mode', 'account', '--tid', '1', '--user', user],
        ]),
  ];
  const tgtd = await startTgtd({ portal, targetName: TARGET_NAME, files: [image], settings });
  return { lun: 1, failure: undefined, [Symbol.asyncDispose]: () => tgtd.kill() };
}
