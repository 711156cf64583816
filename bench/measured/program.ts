/** A server that is measured: started, waited for, looked at from outside, and ended. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export interface ProgramStart {
  readonly command: readonly string[];
  /** What it writes goes there. */
  readonly log: string;
  /** `text` is what it has written. */
  readonly isReady: (pid: number, text: string) => boolean;
}

export interface RunningProgram extends AsyncDisposable {
  /** Seconds of processor time, all threads, and children that have ended. */
  processorTime(): number;
  /** Bytes in memory. */
  memory(): number;
}

export async function startProgram({ command, log, isReady }: ProgramStart): Promise<RunningProgram> {
  const [program = '', ...args] = command;
  const output = openSync(log, 'w');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  const pid = child.pid ?? 0;
  for (let tries = 0; !isReady(pid, readFileSync(log, 'latin1')); tries++) {
    if (child.exitCode !== null || tries > 200) {
      child.kill('SIGKILL');
      throw new Error(`${command.join(' ')} did not start: ${readFileSync(log, 'latin1')}`);
    }
    await setTimeout(50);
  }
  return {
    processorTime: () => processorTime(pid),
    memory: () => memory(pid),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Whether a UDP socket of the process's network has the port, which /proc writes in hexadecimal. */
export function listens(pid: number, port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  return readFileSync(`/proc/${pid}/net/udp`, 'latin1').includes(wanted);
}

/** `ip netns exec` becomes the program that it runs. */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / 100;
}

function memory(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}
