/** `perfdhcp` as a relay agent with many clients behind it: what it was asked for, and what came back. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BenchNetwork } from '../measured/network.ts';

export interface Exchanges {
  /** Four-way exchanges in a second that were asked for, and that were completed. */
  readonly asked: number;
  readonly completed: number;
  /** Of what was sent, the share that was not answered: of the DISCOVERs or of the REQUESTs, whichever is worse. */
  readonly drops: number;
}

/** Clients that take turns. */
const CLIENTS = 50_000;

export async function exchanges(network: BenchNetwork, rate: number, seconds: number): Promise<Exchanges> {
  const load = ['-4', '-r', `${rate}`, '-R', `${CLIENTS}`, '-p', `${seconds}`, '-W', '200000'];
  const command = [...network.onClient, 'perfdhcp', ...load, '-l', network.clientInterface, network.serverAddress];
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(child, 'close');
  const completed = Number(/Rate: ([\d.e+]+) 4-way exchanges\/second/.exec(output)?.[1]);
  const drops = [...output.matchAll(/drops ratio: ([\d.e+-]+) ?%/g)].map(([, percent]) => Number(percent) / 100);
  if (Number.isNaN(completed) || drops.length !== 2) throw new Error(`perfdhcp said: ${output}`);
  return { asked: rate, completed, drops: Math.max(...drops) };
}
