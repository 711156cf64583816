/** The TFTP servers that are measured, each over the same folder. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startServe } from '../measured/diskless-serve.ts';
import type { BenchNetwork } from '../measured/network.ts';
import { listens, type RunningProgram, startProgram } from '../measured/program.ts';

export const tftpServerNames = ['diskless', 'tftpd-hpa', 'dnsmasq'] as const;
export type TftpServerName = (typeof tftpServerNames)[number];

const isReady = (pid: number) => listens(pid, 69);

/** `files` is what is served, `folder` the server's own. */
export function startTftpServer(
  name: TftpServerName,
  network: BenchNetwork,
  files: string,
  folder: string,
  profile?: string,
): Promise<RunningProgram> {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  if (name === 'diskless') return startServe({ network, folder: own, loaders: files, profile });
  const { serverAddress, onServer } = network;
  const hpa = ['in.tftpd', '--foreground', '--user', 'root', '--address', `${serverAddress}:69`, '--secure', files];
  const quiet = ['--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--no-hosts', '--bind-interfaces'];
  const dnsmasq = ['dnsmasq', ...quiet, '--enable-tftp', `--tftp-root=${files}`, `--listen-address=${serverAddress}`];
  const command = [...onServer, ...(name === 'dnsmasq' ? dnsmasq : hpa)];
  return startProgram({ command, log: join(own, 'log'), isReady });
}
