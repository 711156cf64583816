import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const module = new URL('../../src/os/object-layouts.ts', import.meta.url).href;

/** Makes six objects of a class, has them collected, makes more, and says whether those are dictionaries. */
const program = `
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
const { keepObjectLayouts } = await import(${JSON.stringify(module)});
setFlagsFromString('--expose-gc');
setFlagsFromString('--allow-natives-syntax');
const collect = runInNewContext('gc');
const isFast = runInNewContext('(object) => %HasFastProperties(object)');
if (process.argv[1] === 'keep') keepObjectLayouts();
class Many {
  first = 1; second = 2; third = 3; fourth = 4; fifth = 5;
  #a = 1; #b = 2; #c = 3; #d = 4; #e = 5; #f = 6; #g = 7; #h = 8; #i = 9; #j = 10; #k = 11; #l = 12; #m = 13; #n = 14;
}
function make(count) {
  let last;
  for (let made = 0; made < count; made++) last = new Many();
  return last;
}
make(6);
for (let round = 0; round < 3; round++) {
  await setImmediate();
  collect();
}
console.log(isFast(make(20)) ? 'objects' : 'dictionaries');
`;

async function laterObjects(how: 'keep' | 'leave'): Promise<string> {
  const run = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program, how]);
  return run.stdout.trim();
}

test('objects of a class whose first ones have all been collected are no dictionaries', async () => {
  assert.equal(await laterObjects('leave'), 'dictionaries', 'in a program that has not asked for it');
  assert.equal(await laterObjects('keep'), 'objects');
});
