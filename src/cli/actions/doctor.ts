/** What a machine booting here would get, and what is wrong with it. */

import { type Diagnosis, examine } from '../../boot/doctor/examination.ts';
import type { SeenDhcp6Answer } from '../../boot/doctor/observation.ts';
import { readRootPath } from '../../boot/doctor/root-path-reading.ts';
import { chooseInterface } from '../../boot/interface-setup.ts';
import { printable } from '../../bytes/index.ts';
import { systemClock } from '../../os/clock.ts';
import { linuxMachineNetwork } from '../../os/machine-network.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { diagnosisLines } from '../diagnosis-text.ts';
import type { DoctorSettings } from '../doctor-settings.ts';
import { exitCode } from '../errors.ts';
import { makeInitiator } from '../initiator.ts';
import { untilInterrupted } from '../until-interrupted.ts';

export async function doctor(settings: DoctorSettings): Promise<void> {
  await untilInterrupted(async (signal) => report(settings, await diagnose(settings, signal)));
}

async function diagnose(settings: DoctorSettings, signal: AbortSignal): Promise<Diagnosis> {
  const { rootPath, dhcp, interface: name, listen, timeout } = settings;
  return examine({
    network: nodeNetwork,
    machine: linuxMachineNetwork,
    clock: systemClock,
    random: Math.random,
    interface: dhcp === 'off' ? undefined : chooseInterface(name, nodeNetwork),
    rootPath: rootPath === undefined ? undefined : readRootPath(new TextEncoder().encode(rootPath)),
    initiator: await makeInitiator(settings),
    window: listen * 1000,
    timeout: timeout * 1000,
    signal,
    say: (line) => void process.stderr.write(`${printable(line)}\n`),
  });
}

function report({ json }: DoctorSettings, diagnosis: Diagnosis): void {
  const text = json ? JSON.stringify(documentOf(diagnosis), undefined, 2) : diagnosisLines(diagnosis).join('\n');
  process.stdout.write(`${text}\n`);
  if (diagnosis.findings.some(({ level }) => level === 'error')) process.exitCode = exitCode.failure;
}

/** Root Paths as their text, which says all. */
function documentOf({ observation, findings, clients }: Diagnosis) {
  const { offers, dhcp6, routers, lease, disks } = observation;
  return {
    ok: !findings.some(({ level }) => level === 'error'),
    findings,
    clients,
    offers: offers?.map(({ rootPath, ...offer }) => ({ ...offer, rootPath: rootPath?.text })),
    dhcp6: dhcp6 && { ...dhcp6, plain: answerText(dhcp6.plain), ipxe: answerText(dhcp6.ipxe) },
    routers,
    lease,
    disks: disks.map(({ path: _, text, ...disk }) => ({ rootPath: text, ...disk })),
  };
}

function answerText(answer: SeenDhcp6Answer) {
  return answer.kind === 'answer' ? { ...answer, rootPath: answer.rootPath?.text } : answer;
}
