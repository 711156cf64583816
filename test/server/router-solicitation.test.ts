import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Ipv6Address, parseIpv6 } from '../../src/bytes/index.ts';
import { ALL_NODES } from '../../src/os/icmpv6-socket.ts';
import { RouterAdvertiser } from '../../src/server/router-advertiser.ts';
import { isRouterSolicitation } from '../../src/server/router-solicitation.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const bare = hex('85 00 7bb9 00000000');
const withCard = hex('85 00 7bb9 00000000 01 01 525400123456');
const source = parseIpv6('fe80::5054:ff:fe12:3456');
const unspecified = parseIpv6('::');

describe('a router solicitation (RFC 4861 §6.1.1)', () => {
  test('is answered with and without the address of a card', () => {
    for (const message of [bare, withCard]) assert.ok(isRouterSolicitation({ message, source, hopLimit: 255 }));
    assert.ok(isRouterSolicitation({ message: bare, source: unspecified, hopLimit: 255 }));
    const unknownOption = hex('85 00 0000 00000000 fd 02 0000000000000000000000000000');
    assert.ok(isRouterSolicitation({ message: unknownOption, source, hopLimit: 255 }));
  });

  for (const [what, heard] of [
    ['a router has passed on', { message: bare, source, hopLimit: 254 }],
    ['has no known hop limit', { message: bare, source, hopLimit: -1 }],
    ['has another code', { message: hex('85 01 0000 00000000'), source, hopLimit: 255 }],
    ['is another message', { message: hex('86 00 0000 00000000'), source, hopLimit: 255 }],
    ['is too short', { message: hex('85 00 0000 000000'), source, hopLimit: 255 }],
    ['has an empty option', { message: hex('85 00 0000 00000000 01 00 525400123456'), source, hopLimit: 255 }],
    ['has a cut option', { message: hex('85 00 0000 00000000 01 02 525400123456'), source, hopLimit: 255 }],
    ['ends in the middle of an option’s head', { message: hex('85 00 0000 00000000 01'), source, hopLimit: 255 }],
    ['has a card and no address', { message: withCard, source: unspecified, hopLimit: 255 }],
  ] as const) {
    test(`that ${what} is not heard`, () => assert.equal(isRouterSolicitation(heard), false));
  }

  test('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (message) => {
        isRouterSolicitation({ message: Uint8Array.of(0x85, 0, ...message), source, hopLimit: 255 });
      }),
    );
  });
});

describe('router advertisements', () => {
  function started(hearsSolicitations: boolean, random = () => 0.5) {
    const clock = new SimulatedClock();
    const times: number[] = [];
    const start = clock.monotonic();
    const alone: (readonly [number, string])[] = [];
    const send = (to: Ipv6Address) => {
      const time = clock.monotonic() - start;
      if (to === ALL_NODES) times.push(time);
      else alone.push([time, to]);
    };
    return { clock, times, alone, advertiser: new RouterAdvertiser({ clock, random, send, hearsSolicitations }) };
  }

  test('answer who asks within half a second, at least three seconds after the one before (RFC 4861 §6.2.6)', () => {
    const { clock, times, advertiser } = started(true);
    clock.advance(1000);
    advertiser.solicited(unspecified);
    advertiser.solicited(unspecified);
    clock.advance(9000);
    advertiser.solicited(unspecified);
    clock.advance(1000);
    assert.deepEqual(times, [0, 3250, 10_250]);
  });

  test('go to one host alone that asks sooner, and once however often it asks', () => {
    const { clock, times, alone, advertiser } = started(true);
    clock.advance(1000);
    advertiser.solicited(source);
    advertiser.solicited(source);
    clock.advance(9000);
    advertiser.solicited(source);
    clock.advance(1000);
    assert.deepEqual(alone, [[1250, source]]);
    assert.deepEqual(times, [0, 10_250]);
  });

  test('leave nothing behind, and answer no more than 64 alone at once', () => {
    const { clock, alone, advertiser } = started(true);
    for (let host = 0; host < 100; host++) advertiser.solicited(parseIpv6(`fe80::${host}`));
    clock.advance(600);
    assert.equal(alone.length, 64);
    advertiser.solicited(source);
    advertiser[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  });

  test('are not delayed by who asks', () => {
    const { clock, times, advertiser } = started(true, () => 0.9);
    for (let second = 0; second < 10; second++) {
      clock.advance(300);
      advertiser.solicited(unspecified);
    }
    clock.advance(1000);
    assert.deepEqual(times, [0, 3450]);
  });

  test('come unasked: three within the first minute, then every few minutes (§6.2.4)', () => {
    const { clock, times, advertiser } = started(true);
    clock.advance(3_600_000);
    assert.deepEqual(times.slice(0, 4), [0, 16_000, 32_000, 431_000]);
    assert.equal(times.length, 11);
    advertiser[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  });

  test('come every few seconds where nobody can be heard', () => {
    const { clock, times } = started(false);
    clock.advance(10_500);
    assert.deepEqual(times, [0, 3500, 7000, 10_500]);
  });
});
