/** The last lines of a terminal, drawn anew again and again in the same place. */

/** What is needed of a stream such as standard output. */
export interface LineOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Characters in a line, on a terminal. */
  readonly columns?: number | undefined;
}

const clearLine = '\r\u001b[K';
const clearLineAbove = '\u001b[1A\u001b[K';

export class LiveLines {
  readonly #out: LineOutput;
  #drawn = 0;

  constructor(out: LineOutput) {
    this.#out = out;
  }

  /** Puts these lines in the place of those drawn before. */
  draw(lines: readonly string[]): void {
    // A line that wraps would take two of the terminal's.
    const width = Math.max(20, (this.#out.columns ?? 80) - 1);
    this.#out.write(this.#clear() + lines.map((line) => line.slice(0, width)).join('\n'));
    this.#drawn = lines.length;
  }

  /** Puts a line that stays in their place. */
  replace(line: string): void {
    this.#out.write(`${this.#clear()}${line}\n`);
  }

  erase(): void {
    this.#out.write(this.#clear());
  }

  #clear(): string {
    const above = Math.max(0, this.#drawn - 1);
    this.#drawn = 0;
    return clearLine + clearLineAbove.repeat(above);
  }
}
