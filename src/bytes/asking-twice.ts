/**
 * When a question to all is asked: at the beginning, and once more at half of the time for which answers are waited for, as either may be
 * lost. Times are milliseconds on one clock of the owner's that never jumps.
 */

export class AskingTwice {
  readonly #length: number;
  #repeatAt: number | undefined;
  #endsAt: number | undefined;
  #isOver = false;

  /** How long answers are waited for, in milliseconds. */
  constructor(length: number) {
    this.#length = length;
  }

  /** It is asked for the first time now. */
  begin(now: number): void {
    this.#repeatAt = now + this.#length / 2;
    this.#endsAt = now + this.#length;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** When `isDue` must be called; undefined once it is over. */
  get deadline(): number | undefined {
    return this.#isOver ? undefined : (this.#repeatAt ?? this.#endsAt);
  }

  /** Whether it is to be asked again now. */
  isDue(now: number): boolean {
    if (this.#endsAt !== undefined && now >= this.#endsAt) this.#isOver = true;
    if (this.#isOver || this.#repeatAt === undefined || now < this.#repeatAt) return false;
    this.#repeatAt = undefined;
    return true;
  }
}
