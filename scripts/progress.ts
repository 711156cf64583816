/**
 * Shows a person what a long run is doing: one line per finished stage with its time, and, on a terminal, a live line for the stage
 * that is running. Where standard output is no terminal every line is plain and final.
 */

export interface Stage {
  /** What the stage is doing right now. */
  note(what: string): void;
  /** Ends the stage; `result` says what it achieved. */
  done(result?: string): void;
}

interface FinishedStage {
  readonly name: string;
  readonly seconds: number;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const clearLine = '\r\u001b[K';
/** A log that is no terminal still gets a sign of life this often, in milliseconds. */
const heartbeat = 15_000;

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #started = performance.now();
  readonly #finished: FinishedStage[] = [];
  #closeStage: (() => void) | undefined;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    this.#live = out.isTTY === true;
  }

  /** A line of its own, above the live line. */
  say(text: string): void {
    this.#out.write(`${this.#live ? clearLine : ''}${text}\n`);
  }

  /** A line with the time since the start of the run. */
  event(text: string): void {
    this.say(`${this.#clock()}  ${text}`);
  }

  /** Starts a stage; the stage before must be done. */
  stage(name: string): Stage {
    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1000;
    let doing = '';
    let frame = 0;
    const draw = () => {
      frame = (frame + 1) % frames.length;
      const line = `${frames[frame]} ${name} ${elapsed().toFixed(0)} s  ${doing}`;
      this.#out.write(`${clearLine}${line.slice(0, Math.max(20, (this.#out.columns ?? 80) - 1))}`);
    };
    const beat = () =>
      this.event(`  ${name}: still at it after ${elapsed().toFixed(0)} s${doing === '' ? '' : ` (${doing})`}`);
    const timer = this.#live ? setInterval(draw, 120) : setInterval(beat, heartbeat);
    if (!this.#live) this.event(`${name} ...`);
    this.#closeStage = () => {
      clearInterval(timer);
      if (this.#live) this.#out.write(clearLine);
      this.#closeStage = undefined;
    };
    return {
      note: (what) => {
        doing = what;
      },
      done: (result) => {
        this.#closeStage?.();
        this.#finished.push({ name, seconds: elapsed() });
        this.event(`${name}: ${result === undefined ? 'done' : result} (${elapsed().toFixed(1)} s)`);
      },
    };
  }

  /** Where the time went, one line a stage. */
  summary(more: readonly FinishedStage[] = []): void {
    const stages = [...this.#finished, ...more];
    const width = Math.max(...stages.map(({ name }) => name.length));
    const longest = Math.max(...stages.map(({ seconds }) => seconds), 0.001);
    this.say('');
    this.say('Where the time went');
    for (const { name, seconds } of stages) {
      const bar = '█'.repeat(Math.round((seconds / longest) * 30));
      this.say(`  ${name.padEnd(width)} ${seconds.toFixed(1).padStart(7)} s  ${bar}`);
    }
    this.say(`  ${'in all'.padEnd(width)} ${((performance.now() - this.#started) / 1000).toFixed(1).padStart(7)} s`);
  }

  /** Ends a stage that was interrupted: no timer and no half-drawn line is left. */
  close(): void {
    this.#closeStage?.();
  }

  #clock(): string {
    return `${((performance.now() - this.#started) / 1000).toFixed(1).padStart(6)} s`;
  }
}
