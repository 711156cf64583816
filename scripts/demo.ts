/**
 * Shows the whole of it: a machine without a disk boots Debian from `diskless serve`.
 *
 *     npm run demo                                    a real machine: needs root, a few Debian packages and some minutes the first time
 *     npm run demo -- --firmware bios|uefi|uefi-pxe   the same with another firmware
 *     npm run demo -- --quick                         boot server and boot client only: no root, no QEMU, seconds
 */
import { parseArgs } from 'node:util';
import { machineDemo } from './demo/machine.ts';
import { quickDemo } from './demo/quick.ts';
import { Progress } from './progress.ts';

const usage = 'Usage: npm run demo [-- --quick | --firmware bios|uefi|uefi-pxe]';
const firmwares = ['bios', 'uefi', 'uefi-pxe'] as const;

interface DemoOptions {
  readonly quick: boolean;
  readonly firmware: (typeof firmwares)[number];
}

async function main(): Promise<number> {
  const options = readArguments();
  if (options === 'help' || options === 'wrong') {
    console.error(usage);
    return options === 'help' ? 0 : 2;
  }
  const progress = new Progress();
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      progress.say(`${signal}: stopping`);
      interruption.abort(new Error(`stopped by ${signal}`));
    });
  }
  try {
    if (options.quick) return await quickDemo(progress, interruption.signal);
    return await machineDemo(options.firmware, progress, interruption.signal);
  } catch (error) {
    progress.close();
    if (interruption.signal.aborted) {
      progress.say('Stopped. Nothing is left running; the Debian image stays in .cache/.');
      return 130;
    }
    progress.say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function readArguments(): DemoOptions | 'help' | 'wrong' {
  try {
    const { values } = parseArgs({
      options: { quick: { type: 'boolean' }, firmware: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help === true) return 'help';
    const firmware = firmwares.find((name) => name === (values.firmware ?? 'bios'));
    return firmware === undefined ? 'wrong' : { quick: values.quick === true, firmware };
  } catch {
    return 'wrong';
  }
}

process.exitCode = await main();
