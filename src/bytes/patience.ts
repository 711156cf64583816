/** How long a client goes on while it has nothing. Times are milliseconds on one clock of the owner's that never jumps. */

export class Patience {
  readonly #length: number;
  #end: number | undefined;

  /** In milliseconds. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Nothing is there: counts from `now` on. */
  begin(now: number): void {
    this.#end = now + this.#length;
  }

  /** There is what was asked for, or nobody asks any more. */
  stop(): void {
    this.#end = undefined;
  }

  isOver(now: number): boolean {
    return this.#end !== undefined && now >= this.#end;
  }

  /** When the client must look again whose next step is at `next`. */
  deadline(next: number | undefined): number | undefined {
    return this.#end === undefined ? next : Math.min(this.#end, next ?? this.#end);
  }

  /** For people. */
  toString(): string {
    return `${(this.#length / 1000).toFixed(0)} s`;
  }
}
