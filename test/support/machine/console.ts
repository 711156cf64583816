/** A machine's serial console, used as a person uses one: read until something appears, type a line. */

/** ANSI control sequences (ECMA-48 §5.4) and the other escapes that firmware draws its screens with. */
const escapes = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b[()][A-Z0-9]|\u001b[=>c78M]|[\u0000\u0007\r]/g;
/** A sequence may be cut between two reads: the start of one at the end of what was read so far. */
const unfinishedEscape = /\u001b(\[[0-9;?]*[ -/]*|[()])?$/;
const linesShown = 40;

interface Waiter {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
  readonly reject: (error: Error) => void;
}

export class Console {
  /** Everything printed so far, without control sequences. */
  #text = '';
  #unfinished = '';
  /** Where the last match ended: the next wait looks from here on. */
  #position = 0;
  #waiter: Waiter | undefined;
  #closed: string | undefined;
  readonly #type: (text: string) => void;
  readonly #onLine: (line: string) => void;
  #lineStart = 0;

  constructor(type: (text: string) => void, onLine: (line: string) => void) {
    this.#type = type;
    this.#onLine = onLine;
  }

  get text(): string {
    return this.#text;
  }

  /** Types a line and presses Enter. */
  send(line: string): void {
    this.#type(`${line}\n`);
  }

  /**
   * Waits for `pattern` in what is printed after the last match, and moves past it. Rejects with the console's last lines after
   * `timeout` milliseconds, or when the machine is gone. One wait at a time.
   */
  async waitFor(pattern: RegExp, timeout: number): Promise<RegExpExecArray> {
    if (this.#waiter !== undefined) throw new Error(`the console is already waiting for ${this.#waiter.pattern}`);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<RegExpExecArray>((resolve, reject) => {
        timer = setTimeout(
          () => reject(this.#failure(`no ${pattern} on the console within ${timeout / 1000} s`)),
          timeout,
        );
        this.#waiter = { pattern, resolve, reject };
        this.#look();
      });
    } finally {
      clearTimeout(timer);
      this.#waiter = undefined;
    }
  }

  /** Takes what the serial line printed. */
  feed(chunk: string): void {
    const raw = this.#unfinished + chunk;
    this.#unfinished = unfinishedEscape.exec(raw)?.[0] ?? '';
    this.#text += raw.slice(0, raw.length - this.#unfinished.length).replace(escapes, '');
    this.#cutLines();
    this.#look();
  }

  /** Says that nothing more will come, and why. */
  close(reason: string): void {
    this.#closed = reason;
    this.#look();
  }

  #cutLines(): void {
    for (
      let end = this.#text.indexOf('\n', this.#lineStart);
      end >= 0;
      end = this.#text.indexOf('\n', this.#lineStart)
    ) {
      this.#onLine(this.#text.slice(this.#lineStart, end));
      this.#lineStart = end + 1;
    }
  }

  #look(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const match = waiter.pattern.exec(this.#text.slice(this.#position));
    if (match !== null) {
      this.#position += match.index + match[0].length;
      this.#waiter = undefined;
      waiter.resolve(match);
    } else if (this.#closed !== undefined) {
      waiter.reject(this.#failure(`${this.#closed} before ${waiter.pattern} was on the console`));
    }
  }

  #failure(what: string): Error {
    const last = this.#text.trimEnd().split('\n').slice(-linesShown).join('\n');
    return new Error(`${what}; its last lines:\n${last}`);
  }
}
