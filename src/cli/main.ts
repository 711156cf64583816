/** The command line: one binary, a command each. */

import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { pollBusily } from '../os/busy-polling.ts';
import { inlineFurther } from '../os/inlining.ts';
import { keepObjectLayouts } from '../os/object-layouts.ts';
import { collectShortLivedMemory } from '../os/short-lived-memory.ts';
import { commands } from './commands/index.ts';
import { errorLine, exitCode, exitCodeOf } from './errors.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** A word of `args` that names a command may also be another one's argument: its command is there in vain then. */
async function program(args: readonly string[]): Promise<Command> {
  const all = new Command('diskless')
    .description('Boots machines that have no disk (RFC 4173): the boot server and the boot client.')
    .version(version)
    .showHelpAfterError('("diskless help" lists the commands)')
    .exitOverride();
  for (const [name, { description, load }] of Object.entries(commands)) {
    const command = all.command(name).description(description);
    if (args.includes(name)) (await load())(command);
  }
  return all;
}

/** Whoever reads stdout may have had enough, as `head` has: that is no failure. Anything else that keeps output back is one. */
function outputFailed(error: Error & { code?: string }): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`${errorLine(error)}\n`);
  process.exitCode = exitCode.failure;
}

/** Runs the command that `args` (without the program's own name) give, and sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', outputFailed);
  keepObjectLayouts();
  inlineFurther();
  collectShortLivedMemory();
  pollBusily();
  try {
    await (await program(args)).parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written its message already; help and version end with 0.
      process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
      return;
    }
    process.stderr.write(`${errorLine(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
