/** What a person sees of a long run: on a terminal, and in a log. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Progress } from '../../scripts/progress.ts';

/** As much of a terminal as the progress uses: `screen` is what a person sees on it. */
class Terminal {
  readonly isTTY = true;
  readonly columns = 40;
  #lines = [''];
  #row = 0;
  #column = 0;

  get screen(): string[] {
    return this.#lines.filter((line) => line !== '');
  }

  write(text: string): void {
    for (const [part] of text.matchAll(/\u001b\[(?:1A|K)|[\r\n]|[^\u001b\r\n]+/g)) this.#take(part);
  }

  #take(part: string): void {
    const line = this.#lines[this.#row] ?? '';
    if (part === '\r') this.#column = 0;
    else if (part === '\n') this.#moveTo(this.#row + 1, 0);
    else if (part === '\u001b[1A') this.#moveTo(this.#row - 1, this.#column);
    else if (part === '\u001b[K') this.#lines[this.#row] = line.slice(0, this.#column);
    else {
      this.#lines[this.#row] = line.slice(0, this.#column) + part + line.slice(this.#column + part.length);
      this.#column += part.length;
      assert.ok(this.#column < this.columns, 'no line wraps');
    }
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    this.#lines[row] ??= '';
  }
}

/** Lines without their times and without the sign that turns. */
function timeless(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/, '*')
      .replaceAll(/\d+(\.\d)? s/g, 'N s')
      .trim(),
  );
}

function onTerminal(t: TestContext): { progress: Progress; screen: (milliseconds: number) => string[] } {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const terminal = new Terminal();
  const screen = (milliseconds: number) => {
    t.mock.timers.tick(milliseconds);
    return timeless(terminal.screen);
  };
  return { progress: new Progress(terminal), screen };
}

test('on a terminal a running stage has a live line, and its result in the place of it', (t) => {
  const { progress, screen } = onTerminal(t);
  const stage = progress.stage('Image');
  stage.note('copying');
  assert.deepEqual(screen(500), ['* Image N s  copying']);
  progress.say('a line of its own');
  stage.note('formatting');
  assert.deepEqual(screen(500), ['a line of its own', '* Image N s  formatting']);
  stage.done('64 MiB');
  assert.deepEqual(screen(500), ['a line of its own', 'N s  Image: 64 MiB (N s)']);
});

test('stages side by side have a live line each, and go on when one is done', (t) => {
  const { progress, screen } = onTerminal(t);
  const [image, guest] = [progress.stage('Image'), progress.stage('Guest')];
  image.note('copying');
  assert.deepEqual(screen(500), ['* Image N s  copying', '* Guest N s']);
  progress.say('a line of its own');
  assert.deepEqual(screen(0), ['a line of its own'], 'lines that were drawn before are gone, all of them');
  guest.note('something that is said in more than one line of it');
  assert.deepEqual(screen(500).slice(1), ['* Image N s  copying', '* Guest N s  something that is said in'], 'cut');
  image.done();
  assert.deepEqual(screen(500).slice(1), ['N s  Image: done (N s)', '* Guest N s  something that is said in']);
  guest.done();
  assert.deepEqual(screen(500).slice(1), ['N s  Image: done (N s)', 'N s  Guest: done (N s)']);
});

test('stages that were interrupted leave no live line, and no timer', (t) => {
  const { progress, screen } = onTerminal(t);
  progress.stage('Image');
  progress.stage('Guest');
  screen(500);
  progress.close();
  assert.deepEqual(screen(500), []);
});

test('in a log each running stage gives a sign of life by itself', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const written: string[] = [];
  const progress = new Progress({ write: (text) => written.push(text) });
  const news = () => timeless(written.splice(0).join('').trimEnd().split('\n'));
  const image = progress.stage('Image');
  t.mock.timers.tick(10_000);
  const guest = progress.stage('Guest');
  guest.note('copying');
  assert.deepEqual(news(), ['N s  Image ...', 'N s  Guest ...']);
  t.mock.timers.tick(5_000);
  assert.deepEqual(news(), ['N s    Image: still at it after N s']);
  t.mock.timers.tick(10_000);
  assert.deepEqual(news(), ['N s    Guest: still at it after N s (copying)']);
  image.done();
  t.mock.timers.tick(15_000);
  assert.deepEqual(news(), ['N s  Image: done (N s)', 'N s    Guest: still at it after N s (copying)']);
  guest.done('two files');
  t.mock.timers.tick(60_000);
  assert.deepEqual(news(), ['N s  Guest: two files (N s)']);
});

test('the summary has all stages, those side by side too', () => {
  const written: string[] = [];
  const progress = new Progress({ write: (text) => written.push(text) });
  const [image, guest] = [progress.stage('Image'), progress.stage('Guest')];
  guest.done();
  image.done();
  written.length = 0;
  progress.summary();
  const names = written.flatMap((line) => /^ {2}(\S.*?) +\d/.exec(line)?.[1] ?? []);
  assert.deepEqual(names, ['Guest', 'Image', 'in all']);
});
