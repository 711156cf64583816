/**
 * Reads a file by TFTP again and again, so many at once, and writes as JSON how long each took in milliseconds.
 *
 *     node bench/boot/tftp-load.ts ADDRESS FILE COUNT AT_ONCE WINDOW
 */

import { download } from '../../test/support/tftp-download.ts';

export interface TftpReport {
  readonly times: readonly number[];
  readonly elapsed: number;
  /** Bytes of one file. */
  readonly length: number;
}

const BLOCK_SIZE = 1428;

async function main(): Promise<void> {
  const [address = '', fileName = '', count = '1', atOnce = '1', window = '1'] = process.argv.slice(2);
  const options = { server: { address, port: 69 }, fileName, blockSize: BLOCK_SIZE, windowSize: Number(window) };
  const times: number[] = [];
  let left = Number(count);
  let length = 0;
  const read = async (): Promise<void> => {
    while (left-- > 0) {
      const started = performance.now();
      ({ length } = await download(options));
      times.push(performance.now() - started);
    }
  };
  // Before it counts, the compilers of both ends have seen what there is to do.
  await download(options);
  await download(options);
  const started = performance.now();
  await Promise.all(Array.from({ length: Number(atOnce) }, read));
  const report: TftpReport = { times, elapsed: performance.now() - started, length };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

await main();
