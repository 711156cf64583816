/** strongSwan's daemon in a namespace, with what `diskless ipsec print` writes, for as long as a test runs. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, type NamespacePair, said } from './namespace-pair.ts';
import { file, findProgram, type Requirement } from './requires.ts';

/** Its own ESP in this process instead of the kernel's, which many kernels lack. It knows no extended sequence numbers. */
export const ownEsp: Requirement = file('/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so');

const PLUGINS =
  'random nonce aes sha1 sha2 hmac kdf gcm gmp xcbc openssl pem pkcs1 x509 pubkey kernel-libipsec kernel-netlink socket-default vici updown';

export interface StrongswanOptions {
  readonly pair: NamespacePair;
  readonly side: 'server' | 'client';
  /** For its settings, and nothing else. */
  readonly directory: string;
  /** Whether packets are to be protected, too, by its own ESP. */
  readonly protects: boolean;
}

export class Strongswan implements AsyncDisposable {
  readonly #options: StrongswanOptions;
  readonly #socket: string;
  readonly #daemon: ChildProcess;

  private constructor(options: StrongswanOptions, socket: string, daemon: ChildProcess) {
    this.#options = options;
    this.#socket = socket;
    this.#daemon = daemon;
  }

  static async start(options: StrongswanOptions): Promise<Strongswan> {
    const { pair, side, directory, protects } = options;
    mkdirSync(directory, { recursive: true });
    const socket = `unix://${join(directory, 'vici')}`;
    const settings = join(directory, 'strongswan.conf');
    writeFileSync(settings, protects ? protecting(socket) : `charon-systemd {\n${common(socket)}\n}\n`);
    const daemon = pair.spawn(side, 'env', [`STRONGSWAN_CONF=${settings}`, findProgram('charon-systemd') ?? '']);
    const strongswan = new Strongswan(options, socket, daemon);
    await said(daemon, /spawning 16 worker threads/);
    daemon.stderr?.resume();
    daemon.stdout?.resume();
    return strongswan;
  }

  swanctl(...args: string[]): string {
    const { pair, side } = this.#options;
    const command = ['netns', 'exec', pair[side], findProgram('swanctl') ?? '', ...args, '--uri', this.#socket];
    const { status, stdout, stderr } = spawnSync('ip', command, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  }

  /** Writes the configuration with the key beside it, as the text of the configuration asks for, and gives its file. */
  write(name: string, configuration: string): string {
    const folder = join(this.#options.directory, name);
    mkdirSync(folder);
    const path = join(folder, 'diskless.conf');
    writeFileSync(path, configuration);
    const key = 'secrets { ike-diskless { id = c7.example.com\n secret = "at least 20 random characters" } }\n';
    writeFileSync(join(folder, 'diskless-psk.secrets'), key);
    return path;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#daemon);
  }
}

function common(socket: string, plugins = ''): string {
  return ` plugins { vici { socket = ${socket} } ${plugins} }
 journal { default = -1 }
 filelog { stderr { default = 1 } }`;
}

/** Its own packets go outside of its tunnel by their mark, as the other end of the tunnel is the other end of what goes through it. */
function protecting(socket: string): string {
  const marks = `
  kernel-netlink { fwmark = !0x42 }
  socket-default { fwmark = 0x42 }
  kernel-libipsec { allow_peer_ts = yes }
`;
  return `charon-systemd {\n load = ${PLUGINS}\n${common(socket, marks)}\n}\n`;
}
