/** FreeBSD's user-space iSCSI target `istgt` as a peer: one target with one file as its LUN 0, for as long as a test runs. */

import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, type NamespacePair, said } from './namespace-pair.ts';
import { findProgram } from './requires.ts';

export interface IstgtOptions {
  /** For its settings, the disk, and nothing else. */
  readonly directory: string;
  /** `base:name` */
  readonly targetName: string;
  readonly file: string;
  /** Demands a proof of who asks for the names of targets, which nobody has. Default: only where `chap` is there. */
  readonly isHidden?: boolean;
  /** Who may come in, and how the target proves who it is; undefined: everybody. */
  readonly chap?: { readonly initiator: readonly [string, string]; readonly target: readonly [string, string] };
}

/** At 192.0.2.1 port 3260, in the server's namespace. */
export async function startIstgt({ server }: NamespacePair, options: IstgtOptions): Promise<AsyncDisposable> {
  const file = join(options.directory, 'istgt.conf');
  const secrets = join(options.directory, 'istgt-auth.conf');
  const { initiator, target } = options.chap ?? {};
  const quoted = [...(initiator ?? []), ...(target ?? [])].map((text) => `"${text}"`).join(' ');
  writeFileSync(secrets, `[AuthGroup1]\n  Auth ${quoted === '' ? '"nobody" "knows this secret"' : quoted}\n`);
  chmodSync(secrets, 0o600);
  writeFileSync(file, settings(options, secrets));
  const program = findProgram('istgt') ?? 'istgt';
  // Line by line, so that it is heard when it is up.
  const command = ['netns', 'exec', server, 'stdbuf', '-oL', '-eL', program, '-D', '-c', file];
  const daemon = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  await said(daemon, /istgt version/);
  daemon.stdout?.resume();
  daemon.stderr?.resume();
  return { [Symbol.asyncDispose]: () => end(daemon) };
}

function settings({ directory, targetName, file, chap, isHidden = false }: IstgtOptions, secrets: string): string {
  const colon = targetName.lastIndexOf(':');
  const method = chap === undefined ? 'None' : 'CHAP Mutual';
  return `[Global]
  NodeBase "${targetName.slice(0, colon)}"
  PidFile ${join(directory, 'istgt.pid')}
  AuthFile ${secrets}
  MediaDirectory ${directory}
  Timeout 30
  DiscoveryAuthMethod ${isHidden ? 'CHAP' : method}
  DiscoveryAuthGroup AuthGroup1
[UnitControl]
  AuthMethod None
  Portal UC1 127.0.0.1:3261
  Netmask 127.0.0.1
[PortalGroup1]
  Portal DA1 192.0.2.1:3260
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask ALL
[LogicalUnit1]
  TargetName ${targetName.slice(colon + 1)}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod ${method}
  AuthGroup AuthGroup1
  UnitType Disk
  LUN0 Storage ${file} Auto
`;
}
