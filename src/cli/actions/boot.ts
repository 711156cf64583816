/** RFC 4173's client, as far as a disk that can be read. */

import { type BootResult, boot } from '../../boot/boot.ts';
import type { BootRequest } from '../../boot/boot-request.ts';
import { type CopyResult, copyRange } from '../../boot/copy.ts';
import { discoveryServices } from '../../boot/discovery-services.ts';
import type { BootEnvironment } from '../../boot/environment.ts';
import { handBack } from '../../boot/hand-back.ts';
import { planBoot } from '../../boot/planned-stages.ts';
import { BootTrace, errorRecord } from '../../boot/trace.ts';
import { DisklessError, sizeText } from '../../bytes/index.ts';
import { defaultTimeouts } from '../../initiator/timeouts.ts';
import { systemClock } from '../../os/clock.ts';
import { nodeHttpClient } from '../../os/http-client.ts';
import { linuxMachineNetwork } from '../../os/machine-network.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { handOver, interrupted } from '../boot-hand-over.ts';
import { planLine, traceLine } from '../boot-log.ts';
import type { BootSettings } from '../boot-settings.ts';
import { type WrittenTable, writeBootTable } from '../boot-table.ts';
import { readDhcpKeys } from '../dhcp-keys.ts';
import { errorLine } from '../errors.ts';
import { securityOf } from '../initiator.ts';
import { untilInterrupted } from '../until-interrupted.ts';

/** `forQemu`: more arguments of QEMU. */
export async function bootMachine(settings: BootSettings, forQemu: readonly string[]): Promise<void> {
  checkUse(settings, forQemu);
  if (settings.dryRun) await showPlan(settings);
  else await bootUntilStopped(settings, forQemu);
}

/** Raises USAGE_READ_OUT, USAGE_HAND_OVER and USAGE_QEMU_ARGUMENTS. */
function checkUse(settings: BootSettings, forQemu: readonly string[]): void {
  if ((settings.read === undefined) !== (settings.out === undefined)) {
    throw new DisklessError('USAGE_READ_OUT', '--read and --out belong together', {
      hint: 'Write --read 64M --out FILE.',
    });
  }
  const ways = (['nbd', 'attach', 'vm'] as const).filter(
    (way) => settings[way] !== undefined && settings[way] !== false,
  );
  if (ways.length > 1) {
    throw new DisklessError('USAGE_HAND_OVER', `--${ways.join(' and --')} are ways to hand the disk over`, {
      hint: 'Choose one.',
    });
  }
  if (forQemu.length > 0 && !settings.vm) {
    throw new DisklessError('USAGE_QEMU_ARGUMENTS', `nobody takes "${forQemu.join(' ')}"`, {
      hint: 'Arguments without a flag are for the QEMU of --vm: diskless boot --vm -- -m 4G.',
    });
  }
}

function requestOf(settings: BootSettings): BootRequest {
  const { interface: name, rootPath, serverName, port, lun, target, initiator, dhcp, discovery } = settings;
  const { softwareStage, softwareDigest, secure, authorizedServer: authorizedServers } = settings;
  const { dhcpVendorClass, secondRootPath } = settings;
  return {
    ...(name !== undefined && { interface: name }),
    ...(rootPath !== undefined && { rootPath }),
    ...(secondRootPath !== undefined && { secondRootPath }),
    ...(serverName !== undefined && { server: serverName }),
    ...(port !== undefined && { port }),
    ...(lun !== undefined && { lun }),
    ...(target !== undefined && { targetName: target }),
    ...(initiator !== undefined && { initiatorName: initiator }),
    ...(softwareStage !== undefined && { software: softwareStage }),
    ...(softwareDigest !== undefined && { softwareDigest }),
    dhcp,
    ...(dhcpVendorClass !== undefined && { dhcpVendorClass }),
    discovery,
    locations: locationsOf(settings),
    secure,
    authorizedServers,
  };
}

/** Lists that nobody has given leave the word to DHCP. */
function locationsOf({ isnsServer, slpAgent, slpScope }: BootSettings): NonNullable<BootRequest['locations']> {
  return {
    ...(isnsServer.length > 0 && { isnsServers: isnsServer }),
    ...(slpAgent.length > 0 && { slpAgents: slpAgent }),
    ...(slpScope.length > 0 && { slpScopes: slpScope }),
  };
}

async function showPlan(settings: BootSettings): Promise<void> {
  const security = await securityOf(settings, nodeFileSystem);
  const known = { network: nodeNetwork, services: discoveryServices, security, ...(await dhcpKeysOf(settings)) };
  const plan = planBoot(requestOf(settings), known);
  const text = settings.json ? JSON.stringify({ plan }, undefined, 2) : plan.map(planLine).join('\n');
  process.stdout.write(`${text}\n`);
}

/** Runs the boot under its time limit, and under Ctrl-C, which takes back what was set on the machine like any other end. */
async function bootUntilStopped(settings: BootSettings, forQemu: readonly string[]): Promise<void> {
  await untilInterrupted(async (interruption) => {
    const outOfPatience = new AbortController();
    const limit = systemClock.after(settings.timeout * 1000, () => outOfPatience.abort(outOfTime(settings.timeout)));
    try {
      const signal = AbortSignal.any([interruption, outOfPatience.signal]);
      return await bootAndReport(settings, forQemu, signal, () => limit.cancel());
    } finally {
      limit.cancel();
    }
  });
}

function outOfTime(seconds: number): DisklessError {
  return new DisklessError('BOOT_TIMEOUT', `the boot was not done in ${seconds} s`, {
    hint: 'The last lines above say where it waited; --timeout gives it longer.',
  });
}

async function bootAndReport(
  settings: BootSettings,
  forQemu: readonly string[],
  signal: AbortSignal,
  booted: () => void,
): Promise<'as wished' | undefined> {
  let isReported = false;
  const trace = new BootTrace(systemClock, (event) => {
    const line = `${traceLine(event)}\n`;
    if (!settings.json) process.stdout.write(line);
    // The document has what was before it.
    else if (isReported) process.stderr.write(line);
  });
  const report = (outcome: object) => {
    const document = { ...outcome, elapsed: trace.elapsed, stages: trace.stages };
    if (settings.json) process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  };
  let isHandedOver = false;
  try {
    const environment = await environmentOf(settings, signal);
    await boot(requestOf(settings), environment, trace, async (result) => {
      const { parameters } = result;
      booted();
      const done = { ...(await copy(settings, result)), ...(await leave(settings, result)) };
      const handedOver = await handOver(settings, result, forQemu).catch(sayWhenInterrupted(signal));
      report({ ok: true, parameters, ...done, ...handedOver?.facts });
      isReported = true;
      if (handedOver === undefined) return;
      isHandedOver = true;
      if (!settings.json) process.stdout.write(`${handedOver.text}\n`);
      try {
        await Promise.race([interrupted(result.signal), handedOver.done ?? new Promise(() => {})]);
      } finally {
        await handBack(() => handedOver.end(), result.disk.session, systemClock).catch(sayWhenInterrupted(signal));
      }
      process.exitCode = await handedOver.done;
    });
    return isHandedOver ? 'as wished' : undefined;
  } catch (error) {
    if (!isReported) report({ ok: false, error: errorRecord(error) });
    throw error;
  }
}

/** What may be lost, or left on the machine. */
const mustBeHeard: ReadonlySet<string> = new Set(['BOOT_DISK_AWAY', 'ATTACH_LOGIN_LEFT']);

/** An interruption counts more than what goes wrong behind it, but for what must be heard all the same. */
function sayWhenInterrupted(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    const isHeard = error instanceof DisklessError && mustBeHeard.has(error.code);
    if (isHeard && signal.aborted) process.stderr.write(`${errorLine(error)}\n`);
    throw error;
  };
}

/** No single wait takes more than half of the time that there is, so that its own error is heard before the general one. */
async function environmentOf(settings: BootSettings, signal: AbortSignal): Promise<BootEnvironment> {
  const seconds = settings.timeout;
  const most = (milliseconds: number) => Math.min(milliseconds, seconds * 500);
  const { connect, login, command, exchange } = defaultTimeouts;
  return {
    network: nodeNetwork,
    machine: linuxMachineNetwork,
    http: nodeHttpClient,
    clock: systemClock,
    random: Math.random,
    services: discoveryServices,
    softwareTimeout: seconds * 500,
    dhcpTimeout: seconds * 500,
    discoveryTimeout: seconds * 500,
    targetTimeout: seconds * 500,
    ...(await dhcpKeysOf(settings)),
    timeouts: { connect: most(connect), login: most(login), command: most(command), exchange: most(exchange) },
    security: await securityOf(settings, nodeFileSystem),
    signal,
  };
}

async function dhcpKeysOf({ dhcpAuthFile }: BootSettings): Promise<Pick<BootEnvironment, 'dhcpKeys'>> {
  return dhcpAuthFile === undefined ? {} : { dhcpKeys: await readDhcpKeys(nodeFileSystem, dhcpAuthFile) };
}

async function copy(
  { read, out, json }: BootSettings,
  { disk, signal }: BootResult,
): Promise<{ copied?: CopyResult & { readonly file: string } }> {
  if (read === undefined || out === undefined) return {};
  const abort = () => disk.session.destroy(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const file = nodeFileSystem.open(out, 'create');
  try {
    const started = systemClock.monotonic();
    const result = await copyRange(disk.device, { offset: 0, length: read }, (data, offset) =>
      file.write(data, offset),
    );
    await file.sync();
    const seconds = (systemClock.monotonic() - started) / 1000;
    if (!json) process.stdout.write(`${sizeText(result.length)} copied to ${out} in ${seconds.toFixed(3)} s\n`);
    return { copied: { ...result, file: out } };
  } finally {
    signal.removeEventListener('abort', abort);
    await file.close();
  }
}

async function leave({ ibft, json }: BootSettings, result: BootResult): Promise<{ ibft?: WrittenTable }> {
  if (ibft === undefined) return {};
  const written = await writeBootTable(ibft, result);
  if (!json) process.stdout.write(`boot firmware table of ${written.length} bytes written to ${ibft}\n`);
  return { ibft: written };
}
