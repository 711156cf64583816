/** Text from the network in what a person reads: nobody who is asked, or who asks, writes to the terminal or makes a line of its own. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisklessError, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import { planLine, traceLine } from '../../src/cli/boot-log.ts';
import { errorLine } from '../../src/cli/errors.ts';
import { readableEvents } from '../../src/cli/event-writer.ts';
import { tableLines } from '../../src/cli/table.ts';
import { readableTargetEvents } from '../../src/cli/target-events.ts';

/** Clears a terminal, sets its title, makes a line of its own, and turns the writing. */
const evil = 'a\x1b[2Jb\x9b2Jc\x07d\ne\r\u2028f\u202eg';
const shown = 'a?[2Jb?2Jc?d?e??f?g';

class Sink {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

describe('shown, and not obeyed', () => {
  test('the name of a machine', () => {
    const sink = new Sink();
    const mac = parseMac('52:54:00:12:34:56');
    const address = parseIpv4('192.0.2.9');
    readableEvents(sink)({ time: 0, event: 'lease', mac, address, change: 'bound', hostName: evil });
    assert.ok(sink.text.endsWith(`(${shown})\n`), JSON.stringify(sink.text));
  });

  test('what a login said', () => {
    const sink = new Sink();
    readableTargetEvents(sink)({ event: 'login-refused', address: '192.0.2.9', status: '0200h', text: evil }, 0);
    assert.ok(sink.text.endsWith(`refused: ${shown}\n`), JSON.stringify(sink.text));
  });

  test('what an error cites', () => {
    assert.equal(errorLine(new DisklessError('X_Y', 'it says \x1b[2J')), 'diskless: it says ?[2J (X_Y).');
    assert.equal(errorLine(new Error('two\n lines \x9b')), 'diskless: two lines ?');
  });

  test('a step of a boot', () => {
    assert.ok(traceLine({ stage: 'dhcp', kind: 'step', at: 0, text: evil }).endsWith(` ${shown}`));
    assert.ok(planLine({ stage: 'dhcp', necessary: true, reason: evil }).endsWith(` ${shown}`));
  });

  test('the cell of a table, which is as wide as it is shown', () => {
    assert.deepEqual(tableLines([['\x1b[2J', 'x']]), ['?[2J  x']);
  });
});
