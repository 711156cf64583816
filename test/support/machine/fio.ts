/** fio in a guest: writes with a header and a checksum in every block, and reads back what it wrote. */
import type { Guest } from './guest.ts';

/** fio's options by their names; `true` for those that take no value. */
export type FioOptions = Readonly<Record<string, string | number | true>>;

/** What the jobs did together. Bytes. */
export interface FioTotals {
  readonly read: number;
  readonly written: number;
  readonly trimmed: number;
}

const results = '/run/fio.json';
const exitCode = '/run/fio.exit';

export class Fio {
  readonly #guest: Guest;
  readonly #disk: string;
  readonly #writtenBefore: number;

  private constructor(guest: Guest, disk: string, writtenBefore: number) {
    this.#guest = guest;
    this.#disk = disk;
    this.#writtenBefore = writtenBefore;
  }

  /** Runs jobs on a disk to their end. Rejects when a job has an error or a block is not as it was written. */
  static async run(guest: Guest, disk: string, ...jobs: readonly FioOptions[]): Promise<FioTotals> {
    return (await Fio.start(guest, disk, ...jobs)).ended();
  }

  /** Starts jobs beside each other. */
  static async start(guest: Guest, disk: string, ...jobs: readonly FioOptions[]): Promise<Fio> {
    const common = `--filename=${disk} --direct=1 --ioengine=libaio --thread --verify_fatal=1`;
    const output = `--output-format=json --output=${results}`;
    const before = await sectorsWritten(guest, disk);
    await guest.run(`rm -f ${exitCode}`);
    await guest.run(
      `{ fio ${output} ${common} ${jobs.map(jobFlags).join(' ')} > /run/fio.log 2>&1; echo $? > ${exitCode}; } &`,
    );
    return new Fio(guest, disk, before);
  }

  /** Waits until the jobs have written `bytes` to the disk; rejects when they have ended before that. */
  async hasWritten(bytes: number): Promise<void> {
    const wanted = this.#writtenBefore + bytes / sectorSize;
    await this.#guest.until(
      `[ -e ${exitCode} ] || { ${readSectors(this.#disk)}; [ $sectors -ge ${wanted} ]; }`,
      240_000,
    );
    await this.#guest.run(`[ ! -e ${exitCode} ]`);
  }

  /** Waits for the end of the jobs. */
  async ended(): Promise<FioTotals> {
    await this.#guest.until(`[ -e ${exitCode} ]`, 240_000);
    await this.#guest.run(`cat /run/fio.log ${results}; [ $(cat ${exitCode}) -eq 0 ]`);
    return totalsOf(await this.#guest.run(`cat ${results}`));
  }
}

function jobFlags(options: FioOptions): string {
  const flags = Object.entries(options).map(([name, value]) => (value === true ? `--${name}` : `--${name}='${value}'`));
  return ['--name=job', ...flags].join(' ');
}

/** What /sys/block/*\/stat counts in, whatever the disk's own blocks. Bytes. */
const sectorSize = 512;

/** Puts the seventh number of the disk's statistics into `$sectors`. */
function readSectors(disk: string): string {
  return `read -r _ _ _ _ _ _ sectors _ < /sys/block/${disk.slice('/dev/'.length)}/stat`;
}

async function sectorsWritten(guest: Guest, disk: string): Promise<number> {
  return Number(await guest.run(`${readSectors(disk)}; echo $sectors`));
}

interface JobResult {
  readonly error: number;
  readonly read: { readonly io_bytes: number };
  readonly write: { readonly io_bytes: number };
  readonly trim: { readonly io_bytes: number };
}

function totalsOf(report: string): FioTotals {
  // Remarks, such as that several jobs write to one disk, come before the report.
  const { jobs }: { jobs: readonly JobResult[] } = JSON.parse(report.slice(report.indexOf('{')));
  const failed = jobs.find(({ error }) => error !== 0);
  if (failed !== undefined) throw new Error(`a job of fio ended with error ${failed.error}:\n${report}`);
  const sum = (count: (job: JobResult) => number) => jobs.reduce((total, job) => total + count(job), 0);
  return {
    read: sum(({ read }) => read.io_bytes),
    written: sum(({ write }) => write.io_bytes),
    trimmed: sum(({ trim }) => trim.io_bytes),
  };
}
