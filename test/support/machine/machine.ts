/** A machine without a disk: QEMU with real firmware, a network card, and a serial console. */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Console } from './console.ts';
import type { MachineNetwork } from './network.ts';
import { type StageMark, Stages } from './stages.ts';

/**
 * `bios`: SeaBIOS and the iPXE in the card's option ROM. `uefi`: OVMF and the same ROM's UEFI iPXE. `uefi-pxe`: OVMF's own PXE
 * client and no iPXE in the machine, so that the loader must come over the network.
 */
export type Firmware = 'bios' | 'uefi' | 'uefi-pxe';

export interface MachineOptions {
  readonly network: MachineNetwork;
  readonly firmware: Firmware;
  readonly mac: string;
  /** MiB. */
  readonly memory?: number;
  /** File that gets everything the console prints, as it was printed. */
  readonly log?: string;
  readonly onStage?: (mark: StageMark) => void;
  readonly onLine?: (line: string) => void;
}

export interface Machine extends AsyncDisposable {
  readonly console: Console;
  readonly stages: readonly StageMark[];
  /** Waits until Debian says that it is up; gives the fields of its proof line, such as `target` and `root`. */
  up(timeout?: number): Promise<Record<string, string>>;
  /** Runs a command in the root shell on the console; gives what it printed. Rejects when it fails. */
  run(command: string, timeout?: number): Promise<string>;
  /** Shuts Debian down and waits until the machine is off. */
  powerOff(timeout?: number): Promise<void>;
  /** Settles when the machine is off, whatever the reason. */
  readonly exited: Promise<void>;
}

/** The files of Debian's `ovmf` that hold the firmware and its variables. */
export const ovmf = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' } as const;

/** Emulation on a busy machine is slow: what takes a minute alone may take several beside other machines. Milliseconds. */
const bootTimeout = 300_000;

/** Switches the machine on. Disposal cuts its power and removes what it left. Needs root for the tap. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'diskless-machine-'));
  const tap = await options.network.plugIn();
  const child = spawn(...options.network.inside('qemu-system-x86_64', ...(await hardware(options, tap, folder))), {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal goes to the whole process group; the machine must be ended by its owner, in order.
    detached: true,
  });
  const stages = new Stages(options.onStage);
  const serial = new Console(
    (text) => child.stdin.write(text),
    (line) => {
      stages.see(line);
      options.onLine?.(line);
    },
  );
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => serial.feed(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  // A line typed into a machine that has just gone off has nowhere to go.
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      complaint += error.message;
      resolve();
    });
    child.once('close', () => resolve());
  }).then(() => serial.close(`the machine went off${complaint === '' ? '' : ` (${complaint.trim()})`}`));
  const shell = new Shell(serial);
  return {
    console: serial,
    stages: stages.marks,
    exited,
    up: async (timeout = bootTimeout) => proofFields((await serial.waitFor(/DISKLESS-UP (.*)\n/, timeout))[1] ?? ''),
    run: (command, timeout = 60_000) => shell.run(command, timeout),
    async powerOff(timeout = 120_000) {
      await shell.open();
      serial.send('systemctl poweroff');
      await serial.waitFor(/reboot: Power down/, timeout);
      await exited;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function hardware(
  { firmware, mac, memory = 512, log }: MachineOptions,
  tap: string,
  folder: string,
): Promise<string[]> {
  const card = `virtio-net-pci,netdev=net0,mac=${mac},bootindex=1`;
  const machine = [
    // KVM is not everywhere; emulation is, and the firmware and the wire are the same.
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35,graphics=off', '-m', String(memory)],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-chardev', `stdio,id=serial0,signal=off${log === undefined ? '' : `,logfile=${log}`}`],
    ...['-serial', 'chardev:serial0'],
    ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
    // An empty emulated machine gathers randomness slowly, and Debian waits for it.
    ...['-object', 'rng-random,id=rng0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng0'],
  ];
  if (firmware === 'bios') return [...machine, '-device', card];
  const variables = join(folder, 'variables.fd');
  await copyFile(ovmf.variables, variables);
  return [
    ...machine,
    ...[
      '-drive',
      `if=pflash,format=raw,readonly=on,file=${ovmf.code}`,
      '-drive',
      `if=pflash,format=raw,file=${variables}`,
    ],
    ...['-device', firmware === 'uefi' ? card : `${card},romfile=`],
  ];
}

/** `target=iqn... root=/dev/sda3` as an object. */
function proofFields(line: string): Record<string, string> {
  return Object.fromEntries(
    line.split(' ').map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
}

/** The root shell that Debian opens on the console. */
class Shell {
  readonly #console: Console;
  #opened: Promise<void> | undefined;
  #commands = 0;

  constructor(console: Console) {
    this.#console = console;
  }

  /** Waits for the prompt once, and switches off echo, so that output is only output. */
  open(): Promise<void> {
    this.#opened ??= (async () => {
      // Typed into a login that is still starting, a line is lost; the quotes keep the echo of the line from looking like its answer.
      this.#console.send('');
      await this.#console.waitFor(/root@\w+:~# /, 60_000);
      this.#console.send(`stty -echo; dmesg --console-off; PS1=; echo 'shell ''open'`);
      await this.#console.waitFor(/shell open\n/, 60_000);
    })();
    return this.#opened;
  }

  async run(command: string, timeout: number): Promise<string> {
    await this.open();
    const mark = `command ${++this.#commands}`;
    this.#console.send(`echo '${mark} begins'; { ${command}\n} 2>&1; echo "${mark} ends with $?"`);
    const match = await this.#console.waitFor(
      new RegExp(`${mark} begins\\n([^]*?)${mark} ends with (\\d+)\\n`),
      timeout,
    );
    const output = match[1] ?? '';
    if (match[2] !== '0') throw new Error(`in the machine, \`${command}\` ended with ${match[2]}:\n${output}`);
    return output.trimEnd();
  }
}
