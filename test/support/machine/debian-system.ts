/** The Debian of `scripts/debian-image/` on a machine, used on its console: what it says when it is up, and its root shell. */
import type { Console } from './console.ts';
import type { ConsoleProgram } from './console-program.ts';
import { Shell } from './shell.ts';

export interface DebianSystem {
  readonly console: Console;
  /** Waits until Debian says that it is up; gives the fields of its proof line, such as `target` and `root`. */
  up(timeout?: number): Promise<Record<string, string>>;
  /** Runs a command in the root shell on the console; gives what it printed. Rejects when it fails. */
  run(command: string, timeout?: number): Promise<string>;
  /** Shuts Debian down and waits until the machine is off; gives the exit status of the program that was the machine. */
  powerOff(timeout?: number): Promise<number | null>;
  /** Settles when the machine is off, whatever the reason. */
  readonly exited: Promise<number | null>;
}

/** Emulation on a busy machine is slow: what takes a minute alone may take several beside other machines. Milliseconds. */
const bootTimeout = 300_000;

export function debianOn({ console, exited }: Pick<ConsoleProgram, 'console' | 'exited'>): DebianSystem {
  const shell = new Shell(console, () => readyShell(console));
  return {
    console,
    exited,
    up: async (timeout = bootTimeout) => proofFields((await console.waitFor(/DISKLESS-UP (.*)\n/, timeout))[1] ?? ''),
    run: (command, timeout = 60_000) => shell.run(command, timeout),
    async powerOff(timeout = 120_000) {
      await shell.open();
      console.send('systemctl poweroff');
      await console.waitFor(/reboot: Power down/, timeout);
      return exited;
    },
  };
}

/** `target=iqn... root=/dev/sda3` as an object. */
function proofFields(line: string): Record<string, string> {
  return Object.fromEntries(
    line.split(' ').map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
}

/** Waits for the prompt of the root shell that Debian opens on the console, and switches off echo, so that output is only output. */
async function readyShell(console: Console): Promise<void> {
  // Typed into a login that is still starting, a line is lost; the quotes keep the echo of the line from looking like its answer.
  console.send('');
  await console.waitFor(/root@\w+:~# /, 60_000);
  console.send(`stty -echo; dmesg --console-off; PS1=; echo 'shell ''open'`);
  await console.waitFor(/shell open\n/, 60_000);
}
