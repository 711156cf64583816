/**
 * Shows a person what a long run is doing: one line per finished stage with its time, and, on a terminal, a live line for each stage
 * that is running. Where standard output is no terminal every line is plain and final.
 */
import { type LineOutput, LiveLines } from './live-lines.ts';

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
/** How often live lines are drawn, in milliseconds. */
const frameTime = 120;
/** A log that is no terminal still gets a sign of life of each stage this often, in milliseconds. */
const heartbeat = 15_000;

/** A stage that is not over yet. */
class RunningStage {
  readonly name: string;
  readonly #started = performance.now();
  doing = '';
  /** Where there is no live line. */
  heartbeat: NodeJS.Timeout | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }
}

export class Progress {
  readonly #out: LineOutput;
  /** On a terminal only. */
  readonly #live: LiveLines | undefined;
  readonly #started = performance.now();
  readonly #running = new Set<RunningStage>();
  readonly #finished: FinishedStage[] = [];
  #drawing: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor(out: LineOutput = process.stdout) {
    this.#out = out;
    this.#live = out.isTTY === true ? new LiveLines(out) : undefined;
  }

  /** A line of its own, above the live lines. */
  say(text: string): void {
    if (this.#live === undefined) this.#out.write(`${text}\n`);
    else this.#live.replace(text);
  }

  /** A line with the time since the start of the run. */
  event(text: string): void {
    this.say(`${this.#clock()}  ${text}`);
  }

  /** Starts a stage, beside those that are running. */
  stage(name: string): Stage {
    const stage = new RunningStage(name);
    this.#running.add(stage);
    if (this.#live === undefined) {
      this.event(`${name} ...`);
      stage.heartbeat = setInterval(() => this.#beat(stage), heartbeat);
    } else {
      const live = this.#live;
      this.#drawing ??= setInterval(() => this.#draw(live), frameTime);
    }
    return {
      note: (what) => {
        stage.doing = what;
      },
      done: (result = 'done') => {
        this.#end(stage);
        this.#finished.push({ name, seconds: stage.seconds });
        this.event(`${name}: ${result} (${stage.seconds.toFixed(1)} s)`);
      },
    };
  }

  #beat({ name, seconds, doing }: RunningStage): void {
    this.event(`  ${name}: still at it after ${seconds.toFixed(0)} s${doing === '' ? '' : ` (${doing})`}`);
  }

  #draw(live: LiveLines): void {
    this.#frame = (this.#frame + 1) % frames.length;
    const sign = frames[this.#frame];
    live.draw(
      [...this.#running].map(({ name, seconds, doing }) => `${sign} ${name} ${seconds.toFixed(0)} s  ${doing}`),
    );
  }

  #end(stage: RunningStage): void {
    this.#running.delete(stage);
    clearInterval(stage.heartbeat);
    if (this.#running.size > 0) return;
    clearInterval(this.#drawing);
    this.#drawing = undefined;
    this.#live?.erase();
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

  /** Ends the stages that were interrupted: no timer and no half-drawn line is left. */
  close(): void {
    for (const stage of this.#running) this.#end(stage);
  }

  #clock(): string {
    return `${((performance.now() - this.#started) / 1000).toFixed(1).padStart(6)} s`;
  }
}
