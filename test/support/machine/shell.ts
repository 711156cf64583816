/** A shell in a machine, at the other end of its console: a command goes in, and what it printed and how it ended come out. */
import type { Console } from './console.ts';

export class Shell {
  readonly #console: Console;
  readonly #makeReady: () => Promise<void>;
  #opened: Promise<void> | undefined;
  #commands = 0;

  /** `makeReady` settles when a line that is typed is read as a command, and not echoed. */
  constructor(console: Console, makeReady: () => Promise<void>) {
    this.#console = console;
    this.#makeReady = makeReady;
  }

  open(): Promise<void> {
    this.#opened ??= this.#makeReady();
    return this.#opened;
  }

  /** Gives what the command printed; rejects when it fails, or has not ended after `timeout` milliseconds. One at a time. */
  async run(command: string, timeout: number): Promise<string> {
    await this.open();
    const mark = `command ${++this.#commands}`;
    this.#console.send(`echo '${mark} begins'; { ${command}\n} < /dev/null 2>&1; echo "${mark} ends with $?"`);
    const match = await this.#console.waitFor(
      new RegExp(`${mark} begins\\n([^]*?)${mark} ends with (\\d+)\\n`),
      timeout,
    );
    const output = match[1] ?? '';
    if (match[2] !== '0') throw new Error(`in the machine, \`${command}\` ended with ${match[2]}:\n${output}`);
    return output.trimEnd();
  }
}
