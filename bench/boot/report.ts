/** What `npm run bench:boot` measured, as data and as tables. */

import { percentile, summarize } from '../target/statistics.ts';
import { table } from '../target/table.ts';
import type { CrowdReport } from './crowd.ts';
import type { ProgramTimes } from './loads.ts';
import type { MachineTimes } from './machine-times.ts';
import { type TftpServerName, tftpServerNames } from './tftp-servers.ts';

export type BootRound = {
  /** Its title. */
  readonly way: string;
  /** Seconds that the server took. */
  readonly processorTime: number;
  /** Bytes of the server, at the end. */
  readonly memory: number;
} & ({ readonly program: ProgramTimes } | { readonly crowd: CrowdReport });

export interface TftpRound {
  readonly server: TftpServerName;
  readonly atOnce: number;
  readonly window: number;
  /** Milliseconds of each transfer, and of all. */
  readonly times: readonly number[];
  readonly elapsed: number;
  /** Seconds that the server took for one. */
  readonly processorTime: number;
}

export interface Report {
  readonly machine: string;
  readonly node: string;
  readonly when: string;
  readonly boots: readonly BootRound[];
  readonly tftp: readonly TftpRound[];
}

export function render({ machine, node, boots, tftp }: Report): string {
  const head = `${machine}, shared by server and clients; Node ${node}. Medians of the rounds.`;
  const parts = [head];
  const ways = Map.groupBy(boots, ({ way }) => way);
  for (const [way, rounds] of ways) parts.push(bootTable(way, rounds));
  if (tftp.length > 0) parts.push(tftpTable(tftp));
  return parts.join('\n\n');
}

const median = (runs: readonly number[]): number => summarize(runs).median;

function bootTable(way: string, rounds: readonly BootRound[]): string {
  const programs = rounds.filter((round) => 'program' in round);
  const crowds = Map.groupBy(
    rounds.filter((round) => 'crowd' in round),
    ({ crowd }) => crowd.machines.length,
  );
  const cpuAndMemory = (of: readonly BootRound[], machines: number): string[] => [
    ((median(of.map(({ processorTime }) => processorTime)) / machines) * 1000).toFixed(1),
    (median(of.map(({ memory }) => memory)) / 2 ** 20).toFixed(0),
  ];
  const times = (of: readonly (readonly MachineTimes[])[]): string[] => {
    const each = (name: keyof MachineTimes, share: number): string => {
      const runs = of.map((machines) => {
        const sorted = machines.map((machine) => machine[name]).toSorted((a, b) => a - b);
        return percentile(sorted, share);
      });
      return median(runs).toFixed(0);
    };
    const stages = (['dhcp', 'discovery', 'disk'] as const).map((name) => each(name, 0.5));
    return [...stages, each('whole', 0.5), each('whole', 0.99)];
  };
  const rows = [...crowds].map(([machines, of]) => [
    `${machines} at once`,
    ...times(of.map(({ crowd }) => crowd.machines)),
    median(of.map(({ crowd }) => crowd.elapsed)).toFixed(0),
    ...cpuAndMemory(of, machines),
  ]);
  const first = [
    'one program, cold',
    ...times(programs.map(({ program }) => [program])),
    median(programs.map(({ program }) => program.program)).toFixed(0),
    ...cpuAndMemory(programs, 1),
  ];
  const stages = ['DHCP ms', 'discovery ms', 'disk ms'];
  const titles = [way, ...stages, 'first sector ms', 'p99 ms', 'all ms', 'server CPU ms each', 'MiB'];
  return table(titles, [first, ...rows]);
}

function tftpTable(rounds: readonly TftpRound[]): string {
  const loads = Map.groupBy(rounds, ({ atOnce, window }) => `${atOnce} at once, windows of ${window}`);
  const rows = [...loads].flatMap(([load, runs]) => {
    const rates = new Map(
      tftpServerNames.map((name) => {
        const own = runs.filter(({ server }) => server === name);
        return [name, { own, rate: median(own.map(({ times, elapsed }) => (times.length / elapsed) * 1000)) }];
      }),
    );
    return [...rates].map(([name, { own, rate }]) => {
      const sorted = own.flatMap(({ times }) => times).toSorted((a, b) => a - b);
      const ours = rates.get('diskless')?.rate ?? Number.NaN;
      return [
        `${load}: ${name}`,
        percentile(sorted, 0.5).toFixed(1),
        percentile(sorted, 0.99).toFixed(1),
        rate.toFixed(0),
        // Each of its transfers is a process that nobody waits for, and whose time is in nobody's account.
        name === 'tftpd-hpa' ? '' : (median(own.map(({ processorTime }) => processorTime)) * 1000).toFixed(1),
        (ours / rate).toFixed(2),
      ];
    });
  });
  return table(['1 MB by TFTP', 'ms', 'p99 ms', 'files/s', 'CPU ms each', 'diskless / it'], rows);
}
