import assert from 'node:assert/strict';
import { PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type { Clock } from '../../src/os/clock.ts';
import { collectShortLivedMemory } from '../../src/os/short-lived-memory.ts';
import { costOf, LATELY, LONG_TURN, SHARE, TURN, Turns, type TurnTaker } from '../../src/target/turns.ts';

/** A clock whose turns the test takes. */
class TurnClock implements Clock {
  readonly #callbacks: (() => void)[] = [];
  time = 0;
  now = (): number => this.time;
  monotonic = (): number => this.time;
  after = (): never => assert.fail('nothing waits for time');
  nextTurn(callback: () => void): void {
    this.#callbacks.push(callback);
  }
  /** False when nothing waits for one. */
  turn(): boolean {
    const callbacks = this.#callbacks.splice(0);
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }
}

class Worker implements TurnTaker {
  isWaiting = false;
  received = 0;
  todo = 0;
  isDeep = false;
  readonly #log: string[];
  readonly name: string;

  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  get hasMore(): boolean {
    return this.todo > 0;
  }

  work(share: number): number {
    const done = Math.min(share, this.todo);
    this.todo -= done;
    this.#log.push(`${this.name} ${done}`);
    return done;
  }
}

function scene(): { log: string[]; clock: TurnClock; turns: Turns; give: (worker: Worker, todo: number) => void } {
  const log: string[] = [];
  const clock = new TurnClock();
  const turns = new Turns(clock);
  const give = (worker: Worker, todo: number): void => {
    worker.todo += todo;
    turns.enter(worker);
  };
  return { log, clock, turns, give };
}

test('who is alone does everything at once', () => {
  const { log, clock, give } = scene();
  const alone = new Worker('alone', log);
  give(alone, 1);
  clock.turn();
  give(alone, 1000);
  assert.deepEqual(log, ['alone 1', 'alone 1000']);
  assert.equal(clock.turn(), false, 'nothing is left for another turn');
});

test('who comes new waits for no more than a turn of those that have more to do than theirs', () => {
  const { log, clock, give } = scene();
  const greedy = Array.from({ length: 31 }, (_, index) => new Worker(`greedy-${index}`, log));
  for (const worker of greedy) give(worker, 1000);
  for (let turn = 0; turn < 80; turn++) clock.turn();
  log.length = 0;
  give(new Worker('polite', log), 1);
  clock.turn();
  const before = log.slice(0, log.indexOf('polite 1'));
  assert.ok(log.includes('polite 1'), 'it is served in the very next turn');
  const work = before.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  assert.ok(work <= TURN, `${work} commands of others come first: ${before}`);
});

test('of those that come new, one that asks for little is first, however many have come before it', () => {
  const { log, clock, give } = scene();
  const greedy = Array.from({ length: 31 }, (_, index) => new Worker(`greedy-${index}`, log));
  const polite = new Worker('polite', log);
  give(polite, 1);
  for (let turn = 0; turn < 100; turn++) {
    // Each asks again for what it got: its line is never longer than a share.
    for (const worker of greedy) if (worker.todo === 0) give(worker, SHARE);
    clock.turn();
  }
  log.length = 0;
  give(polite, 1);
  clock.turn();
  assert.equal(log[0], 'polite 1');
});

test('one that asks for little is answered as its socket is looked at, as far as a turn goes', () => {
  const { log, clock, give } = scene();
  const greedy = new Worker('greedy', log);
  greedy.isDeep = true;
  give(greedy, 1000);
  for (let index = 0; index < TURN + 2; index++) give(new Worker(`${index}`, log), 1);
  assert.deepEqual(
    log,
    Array.from({ length: TURN }, (_, index) => `${index} 1`),
  );
  clock.turn();
  log.length = 0;
  give(new Worker('again', log), 2 * TURN);
  assert.deepEqual(log, [`again ${TURN}`]);
  while (clock.turn());
  assert.ok(log.includes('greedy 8'), 'the others have what is left');
});

test('garbage of those that ask for much is collected when one that asks for little has been answered', async () => {
  const { clock, give } = scene();
  const greedy = new Worker('greedy', []);
  greedy.isDeep = true;
  const polite = new Worker('polite', []);
  const looksIn = async (turns: number, isPolite: boolean): Promise<number> => {
    let looks = 0;
    const observer = new PerformanceObserver((list) => {
      looks += list.getEntries().length;
    });
    observer.observe({ entryTypes: ['gc'] });
    for (let turn = 0; turn < turns; turn++) {
      give(greedy, LONG_TURN);
      if (isPolite) give(polite, 1);
      clock.turn();
    }
    // What is observed is told in a later turn of the loop.
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    observer.disconnect();
    return looks;
  };
  collectShortLivedMemory();
  // The collector has its own reasons too; it has few in so little work.
  const alone = await looksIn(5000, false);
  const beside = await looksIn(5000, true);
  assert.ok(beside >= (5000 * TURN) / 500, `${beside} looks, and ${alone} while nobody was answered`);
  assert.ok(alone < beside / 4, `${alone} looks while nobody was answered, and ${beside}`);
});

test('turns are long while all ask for much, and short when one has asked for little lately', () => {
  const { log, clock, give } = scene();
  const greedy = Array.from({ length: 31 }, (_, index) => new Worker(`greedy-${index}`, log));
  for (const worker of greedy) {
    worker.isDeep = true;
    give(worker, 1000);
  }
  const done = (): number => {
    log.length = 0;
    clock.turn();
    return log.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  };
  for (let turn = 0; turn < 20; turn++) assert.equal(done(), LONG_TURN);
  give(new Worker('polite', log), 1);
  assert.equal(done(), TURN, 'it is served first, and seen then');
  clock.time = LATELY - 1;
  assert.equal(done(), TURN);
  clock.time = LATELY;
  assert.equal(done(), LONG_TURN);
});

test('those that keep coming new do not starve one that has much to do', () => {
  const { log, clock, give } = scene();
  const busy = new Worker('busy', log);
  const other = new Worker('other', log);
  give(other, 100);
  give(busy, 10_000);
  for (let turn = 0; turn < 100; turn++) {
    for (let index = 0; index < 50; index++) give(new Worker(`new-${index}`, log), 1);
    clock.turn();
  }
  const served = log
    .filter((entry) => entry.startsWith('busy'))
    .reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  assert.ok(served >= (100 * TURN) / 3, `${served} of its commands were done in 100 turns`);
});

test('all work is done, and no turn is longer than it may be, whoever comes when', () => {
  const arrivals = fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 100 }), fc.boolean()), { maxLength: 40 });
  fc.assert(
    fc.property(arrivals, (events) => {
      const { log, clock, give } = scene();
      const workers = Array.from({ length: 5 }, (_, index) => new Worker(`${index}`, log));
      // Until one has been seen that asks for little, turns are long.
      give(new Worker('modest', log), 1);
      clock.turn();
      for (const [index, todo, turn] of events) {
        const worker = workers[index];
        assert(worker !== undefined);
        give(worker, todo);
        if (!turn) continue;
        log.length = 0;
        clock.turn();
        assert.ok(log.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0) <= TURN);
      }
      while (clock.turn());
      assert.ok(workers.every(({ todo, isWaiting }) => todo === 0 && !isWaiting));
    }),
  );
});

test('data counts as work: 24 KiB as much as a command', () => {
  assert.equal(costOf(48), 1);
  assert.equal(costOf(24 * 1024), 2);
  assert.equal(costOf(256 * 1024), 11);
});
