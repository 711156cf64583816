/** The scoreboard: what each test showed in each configuration, and what that comes to. */

import { type Configuration, impossible } from './configurations.ts';
import type { Maker } from './unit-server.ts';
import type { Verdict } from './verdict.ts';

/** One test, run once. */
export interface Result {
  readonly maker: Maker;
  readonly configuration: string;
  readonly user?: string;
  /** `Suite.Test` */
  readonly test: string;
  readonly verdict: Verdict;
  /** False when the configuration could not be served, so that the test never ran. */
  readonly served: boolean;
  readonly seconds: number;
}

type Kind = Verdict['kind'];
type Count = Record<Kind, number>;

export class Board {
  readonly #tests: readonly string[];
  readonly #configurations: readonly Configuration[];
  readonly #results: readonly Result[];

  constructor(tests: readonly string[], configurations: readonly Configuration[], results: readonly Result[]) {
    this.#tests = tests.filter((test) => results.some((result) => result.test === test));
    this.#configurations = configurations;
    this.#results = results;
  }

  /**
   * The best that a test did in any configuration, and no better than what it did in a binding one. Where a user name matters, the
   * worst of the users counts.
   */
  best(maker: Maker, test: string): Kind {
    const shown = ({ id }: Configuration): Kind | undefined => worstOf(this.#kinds(maker, test, id));
    const binding = this.#configurations.filter((configuration) => configuration.binding);
    const others = this.#configurations.filter((configuration) => !configuration.binding);
    return worstOf([bestOf(others.map(shown)), ...binding.map(shown)]) ?? 'skip';
  }

  #kinds(maker: Maker, test: string, configuration: string): Kind[] {
    return this.#results
      .filter((result) => result.maker === maker && result.test === test && result.configuration === configuration)
      .map(({ verdict }) => verdict.kind);
  }

  /** Tests that passed in no configuration, or not in a binding one, without those that no target can pass. */
  unexplained(maker: Maker): string[] {
    return this.#tests.filter((test) => this.best(maker, test) !== 'pass' && !impossible.has(test));
  }

  /** What the run ends with: 1 when a test that a target can pass did not pass against ours. */
  get exitCode(): 0 | 1 {
    return this.unexplained('diskless').length === 0 ? 0 : 1;
  }

  /** Results that were not "passed", in tests that passed elsewhere: not held against anybody, but worth a look. */
  #elsewhere(maker: Maker): Result[] {
    return this.#results.filter(
      ({ maker: of, test, verdict, served }) =>
        of === maker && served && verdict.kind === 'fail' && this.best(maker, test) === 'pass',
    );
  }

  render(makers: readonly Maker[]): string {
    return [
      this.#suiteTable(makers),
      this.#configurationTable(makers),
      ...makers.flatMap((maker) => this.#unserved(maker)),
      ...makers.map((maker) => this.#shortfall(maker)),
      this.#verdict(),
    ].join('\n\n');
  }

  #suiteTable(makers: readonly Maker[]): string {
    const suites = Map.groupBy(this.#tests, (test) => test.split('.')[0] ?? test);
    const rows = [...suites].map(([suite, tests]) => [
      suite,
      `${tests.length}`,
      ...makers.map((maker) => countText(this.#count(maker, tests))),
    ]);
    const sum = ['all', `${this.#tests.length}`, ...makers.map((maker) => countText(this.#count(maker, this.#tests)))];
    return table(['suite', 'tests', ...makers.map((maker) => `${maker} pass/skip/fail`)], [...rows, sum]);
  }

  #count(maker: Maker, tests: readonly string[]): Count {
    return countKinds(tests.map((test) => this.best(maker, test)));
  }

  #configurationTable(makers: readonly Maker[]): string {
    const rows = this.#configurations.map(({ id, what }) => [
      id,
      what,
      ...makers.map((maker) => {
        const own = this.#results.filter((result) => result.maker === maker && result.configuration === id);
        const seconds = own.reduce((sum, result) => sum + result.seconds, 0);
        return `${countText(countKinds(own.map(({ verdict }) => verdict.kind)))} in ${seconds.toFixed(0)} s`;
      }),
    ]);
    return table(['', 'configuration', ...makers.map((maker) => `${maker} runs`)], rows);
  }

  #unserved(maker: Maker): string[] {
    return this.#configurations.flatMap(({ id }) => {
      const result = this.#results.find((one) => one.maker === maker && one.configuration === id && !one.served);
      if (result === undefined) return [];
      return [`${maker} cannot serve configuration ${id}: ${'reason' in result.verdict ? result.verdict.reason : ''}`];
    });
  }

  /** What is missing, with the reason that each configuration gave. */
  #shortfall(maker: Maker): string {
    const lines = this.#tests.flatMap((test) => {
      const best = this.best(maker, test);
      if (best === 'pass') return [];
      const runs = this.#results.filter((result) => result.maker === maker && result.test === test && result.served);
      const bySaying = Map.groupBy(runs, ({ verdict }) => verdictText(verdict));
      const sayings = [...bySaying].map(([saying, same]) => `         ${same.map(runName).join(', ')} ${saying}`);
      return [`  ${best.padEnd(4)} ${test}`, ...sayings];
    });
    const elsewhere = this.#elsewhere(maker).map(
      (result) => `  ${result.test}  ${runName(result)} ${verdictText(result.verdict)}`,
    );
    return [
      lines.length === 0 ? `${maker}: every test passes` : `${maker}: not passed`,
      ...lines,
      ...(elsewhere.length === 0 ? [] : [`${maker}: failed in one configuration, passed in another`, ...elsewhere]),
    ].join('\n');
  }

  #verdict(): string {
    const unexplained = this.unexplained('diskless');
    const excused = this.#tests
      .filter((test) => impossible.has(test) && this.best('diskless', test) !== 'pass')
      .map((test) => `No target can pass ${test}: ${impossible.get(test)}.`);
    const passed = this.#count('diskless', this.#tests).pass;
    const summary = `diskless passes ${passed} of ${this.#tests.length} tests`;
    return [
      ...excused,
      unexplained.length === 0 ? `${summary}.` : `${summary}; ${unexplained.length} are missing.`,
    ].join('\n');
  }

  toJSON(makers: readonly Maker[]): unknown {
    return {
      totals: Object.fromEntries(makers.map((maker) => [maker, this.#count(maker, this.#tests)])),
      best: Object.fromEntries(
        this.#tests.map((test) => [test, Object.fromEntries(makers.map((maker) => [maker, this.best(maker, test)]))]),
      ),
      results: this.#results,
    };
  }
}

function runName({ configuration, user }: Result): string {
  return user === undefined ? configuration : `${configuration} as ${user}`;
}

function verdictText(verdict: Verdict): string {
  if (verdict.kind === 'pass') return 'pass';
  const silent = verdict.kind === 'skip' && verdict.silent ? 'silent ' : '';
  return `${silent}${verdict.kind}: ${verdict.reason}`;
}

function bestOf(kinds: readonly (Kind | undefined)[]): Kind | undefined {
  return (['pass', 'fail', 'skip'] as const).find((kind) => kinds.includes(kind));
}

function worstOf(kinds: readonly (Kind | undefined)[]): Kind | undefined {
  return (['fail', 'skip', 'pass'] as const).find((kind) => kinds.includes(kind));
}

function countKinds(kinds: readonly Kind[]): Count {
  const count = { pass: 0, skip: 0, fail: 0 };
  for (const kind of kinds) count[kind] += 1;
  return count;
}

function countText({ pass, skip, fail }: Count): string {
  return `${pass}/${skip}/${fail}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
