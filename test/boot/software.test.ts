/** The software stage (RFC 4173 §4): honest servers, and others. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseSoftwareChoice, softwareOfDhcp, tftpFileName } from '../../src/boot/software-source.ts';
import { parseSoftwareDigest, runSoftwareStage, type SoftwareStageOptions } from '../../src/boot/software-stage.ts';
import type { DhcpLease } from '../../src/dhcp/client/lease.ts';
import { BootOperation, type DhcpMessage, dhcpMessage } from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import type { Timer } from '../../src/os/clock.ts';
import type { HttpAnswer, HttpClient } from '../../src/os/http-client.ts';
import type { Endpoint, UdpHandler } from '../../src/os/network.ts';
import { decodePacket, encodePacket, Opcode } from '../../src/tftp/packet.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';
import { ip, noHttp } from './simulated-lan.ts';

const loader = new Uint8Array(1300).map((_, index) => index);
const sha256 = createHash('sha256').update(loader).digest('hex');

/** Answers TFTP read requests for `loader.bin` in blocks of 512 bytes; for others it keeps silent. */
class TftpNetwork extends SimulatedNetwork {
  open = 0;

  override async openUdp(): Promise<never> {
    this.open += 1;
    let handler: UdpHandler | undefined;
    const close = async () => {
      this.open -= 1;
    };
    const reply = (block: number, from: Endpoint) => {
      const data = encodePacket({ opcode: Opcode.data, block, data: loader.subarray((block - 1) * 512, block * 512) });
      setImmediate(() => handler?.message(data, from));
    };
    const send = (data: Uint8Array, to: Endpoint) => {
      const packet = decodePacket(data);
      if (packet.opcode === Opcode.readRequest && packet.fileName === 'dir/loader.bin') {
        reply(1, { address: to.address, port: 50_000 });
      }
      if (packet.opcode === Opcode.ack && packet.block < 3) reply(packet.block + 1, to);
    };
    const start = (given: UdpHandler) => {
      handler = given;
    };
    return { local: { address: '0.0.0.0', port: 0 }, start, send, close, [Symbol.asyncDispose]: close } as never;
  }
}

/** Agrees to blocks of eight bytes, and gives one each second. */
class TricklingTftp extends SimulatedNetwork {
  readonly clock = new SimulatedClock();
  open = 0;
  sent = 0;

  override async openUdp(): Promise<never> {
    this.open += 1;
    let handler: UdpHandler | undefined;
    let next: Timer | undefined;
    const close = async () => {
      this.open -= 1;
      next?.cancel();
    };
    const from = { address: '192.0.2.1', port: 50_000 };
    const answer = (data: Uint8Array) => handler?.message(data, from);
    const send = (data: Uint8Array) => {
      const packet = decodePacket(data);
      if (packet.opcode === Opcode.readRequest) {
        const options = new Map([['blksize', '8']]);
        setImmediate(() => answer(encodePacket({ opcode: Opcode.optionAck, options })));
      } else if (packet.opcode === Opcode.ack) {
        next = this.clock.after(1000, () => {
          this.sent += 1;
          answer(encodePacket({ opcode: Opcode.data, block: packet.block + 1, data: new Uint8Array(8) }));
        });
      }
    };
    const start = (given: UdpHandler) => {
      handler = given;
    };
    return { local: { address: '0.0.0.0', port: 0 }, start, send, close, [Symbol.asyncDispose]: close } as never;
  }
}

type Page = Partial<HttpAnswer> & { readonly pieces?: readonly Uint8Array[] };

/** Pages by URL; counts what was asked, and the bodies that were left. */
function httpServer(pages: Readonly<Record<string, Page>>) {
  const asked: string[] = [];
  const http: HttpClient = {
    async get(url) {
      asked.push(url.href);
      const { pieces = [], ...rest } = pages[url.href] ?? { status: 404 };
      const body = (async function* () {
        yield* pieces;
      })();
      return { status: 200, location: undefined, length: undefined, body, ...rest };
    },
  };
  return { http, asked };
}

async function fetchIt(url: string, options: Partial<SoftwareStageOptions> = {}, clock = new SimulatedClock()) {
  const steps: string[] = [];
  const given = { network: new TftpNetwork(), http: noHttp, clock, timeout: 30_000, digest: undefined, ...options };
  let over = false;
  const running = runSoftwareStage(
    { ...given, url: new URL(url), signal: new AbortController().signal },
    { step: (text) => steps.push(text) },
  ).finally(() => {
    over = true;
  });
  running.catch(() => {});
  let passed = 0;
  for (; !over && passed < 120_000; passed += 250) await clock.pass(250);
  assert.equal(clock.pending, 0, 'no timer is left');
  return { running, passed, steps };
}

test('TFTP: size and SHA-256 of what comes, checked against what was wanted', async () => {
  const network = new TftpNetwork();
  const { running } = await fetchIt('tftp://192.0.2.1/dir/loader.bin', { network, digest: sha256 });
  const { length, sha256: digest, verified } = await running;
  assert.deepEqual([length, digest, verified], [loader.length, sha256, true]);
  assert.equal(network.open, 0, 'no socket is left');
});

test('HTTP: redirections are followed and told', async () => {
  const { http, asked } = httpServer({
    'http://192.0.2.1/loader.bin': { status: 302, location: '/real.bin' },
    'http://192.0.2.1/real.bin': { pieces: [loader.subarray(0, 7), loader.subarray(7)], length: loader.length },
  });
  const { running, steps } = await fetchIt('http://192.0.2.1/loader.bin', { http });
  const fetched = await running;
  assert.deepEqual([fetched.sha256, fetched.verified], [sha256, false]);
  assert.equal(asked.length, 2);
  assert.deepEqual(steps, ['sent on to http://192.0.2.1/real.bin']);
});

const base = 'http://192.0.2.1/';
const failures: readonly (readonly [string, Readonly<Record<string, Page>>, string])[] = [
  ['is not there', {}, 'BOOT_SOFTWARE_HTTP'],
  ['sends round in a circle', { [`${base}x`]: { status: 302, location: '/x' } }, 'BOOT_SOFTWARE_REDIRECTIONS'],
  ['sends on without saying where', { [`${base}x`]: { status: 302 } }, 'BOOT_SOFTWARE_HTTP'],
  [
    'sends on to a file of the machine',
    { [`${base}x`]: { status: 302, location: 'file:///etc/passwd' } },
    'BOOT_SOFTWARE_URL',
  ],
  ['sends on to TFTP', { [`${base}x`]: { status: 302, location: 'tftp://192.0.2.1/x' } }, 'BOOT_SOFTWARE_HTTP'],
  ['says that it is endless', { [`${base}x`]: { length: 2 ** 40 } }, 'BOOT_SOFTWARE_TOO_LONG'],
  ['is empty', { [`${base}x`]: {} }, 'BOOT_SOFTWARE_EMPTY'],
  ['is another file', { [`${base}x`]: { pieces: [Uint8Array.of(1)] } }, 'BOOT_SOFTWARE_DIGEST'],
];

for (const [what, pages, code] of failures) {
  test(`software that ${what} ends the stage in ${code}`, async () => {
    const { http } = httpServer(pages);
    const { running } = await fetchIt(`${base}x`, { http, digest: sha256 });
    await assert.rejects(running, { code });
  });
}

test('a body without end is left when it is too long', async () => {
  let left = false;
  const http: HttpClient = {
    async get() {
      const body = (async function* () {
        try {
          for (;;) yield new Uint8Array(16 << 20);
        } finally {
          left = true;
        }
      })();
      return { status: 200, location: undefined, length: undefined, body };
    },
  };
  const { running } = await fetchIt('http://192.0.2.1/x', { http });
  await assert.rejects(running, { code: 'BOOT_SOFTWARE_TOO_LONG' });
  assert.ok(left);
});

test('a server that gives a byte a second is given up in the time of the stage, by TFTP and by HTTP', async () => {
  const slow = new TricklingTftp();
  const tftp = await fetchIt('tftp://192.0.2.1/dir/loader.bin', { network: slow, timeout: 20_000 }, slow.clock);
  await assert.rejects(tftp.running, { code: 'BOOT_SOFTWARE_TIMEOUT' });
  assert.ok(slow.sent >= 15, `${slow.sent} blocks came, so that it was never silent`);
  assert.equal(slow.open, 0, 'no socket is left');

  const clock = new SimulatedClock();
  let sent = 0;
  let left = false;
  const http: HttpClient = {
    async get(_url, signal) {
      const body = (async function* () {
        try {
          for (; !signal.aborted; sent += 1) {
            const { promise, resolve } = Promise.withResolvers<void>();
            const timer = clock.after(1000, resolve);
            signal.addEventListener('abort', () => {
              timer.cancel();
              resolve();
            });
            await promise;
            yield Uint8Array.of(0);
          }
          throw signal.reason;
        } finally {
          left = true;
        }
      })();
      return { status: 200, location: undefined, length: 1300, body };
    },
  };
  const { running } = await fetchIt('http://192.0.2.1/x', { http, timeout: 20_000 }, clock);
  await assert.rejects(running, { code: 'BOOT_SOFTWARE_TIMEOUT' });
  assert.ok(sent >= 15 && left, `${sent} pieces came`);
});

test('a server that stalls is given up in the time of the stage', async () => {
  const tftp = await fetchIt('tftp://192.0.2.1/other', { timeout: 5_000 });
  await assert.rejects(tftp.running, { code: 'BOOT_SOFTWARE_TIMEOUT' });
  assert.ok(tftp.passed <= 6_000);
  const http: HttpClient = {
    get: (_url, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  };
  const stalled = await fetchIt('http://192.0.2.1/x', { http, timeout: 5_000 });
  await assert.rejects(stalled.running, { code: 'BOOT_SOFTWARE_TIMEOUT' });
  const silent = await fetchIt('tftp://192.0.2.1/other', { timeout: 90_000 });
  await assert.rejects(silent.running, { code: 'TFTP_TIMEOUT' }, 'a shorter patience of its own is heard first');
});

function leaseOf(...messages: Partial<DhcpMessage>[]): DhcpLease {
  const [reply, offer, proxyOffer] = messages.map((fields) => dhcpMessage({ op: BootOperation.reply, ...fields }));
  return { reply, offer, proxyOffer } as DhcpLease;
}

const name = (file: string) => new OptionList().set(Option.bootFileName, file);

const named: readonly (readonly [string, DhcpLease, string | undefined])[] = [
  ['nothing', leaseOf({ siaddr: ip('192.0.2.1') }), undefined],
  ['the fields of the message', leaseOf({ siaddr: ip('192.0.2.1'), file: 'a/b.kpxe' }), 'tftp://192.0.2.1/a/b.kpxe'],
  ['sname', leaseOf({ siaddr: ip('192.0.2.1'), sname: 'boot.example.com', file: 'b' }), 'tftp://boot.example.com/b'],
  [
    'options 66 and 67',
    leaseOf({ siaddr: ip('192.0.2.1'), options: name('x?y#z\0').set(Option.tftpServerName, '192.0.2.6') }),
    'tftp://192.0.2.6/x%3Fy%23z',
  ],
  [
    'option 150 before 66',
    leaseOf({
      options: name('b')
        .set(Option.tftpServerName, 'other')
        .set(Option.tftpServerAddresses, [ip('192.0.2.7')]),
    }),
    'tftp://192.0.2.7/b',
  ],
  ['a whole URL', leaseOf({ options: name('http://192.0.2.8/boot.efi') }), 'http://192.0.2.8/boot.efi'],
  ['the proxy’s offer', leaseOf({}, {}, { siaddr: ip('192.0.2.9'), file: 'p' }), 'tftp://192.0.2.9/p'],
];

for (const [what, lease, url] of named) {
  test(`the boot file by ${what} is ${url ?? 'none'}`, () => {
    assert.equal(softwareOfDhcp(lease)?.href, url);
  });
}

test('a TFTP name is what the server was told, not what a URL makes of it', () => {
  assert.equal(tftpFileName(new URL('tftp://192.0.2.1/x%3Fy%23z')), 'x?y#z');
  assert.equal(tftpFileName(new URL('tftp://192.0.2.1//abs')), '/abs');
  assert.equal(tftpFileName(new URL('tftp://192.0.2.1/100%')), '100%');
});

test('what is no place of software, or no digest, is refused', () => {
  assert.equal(parseSoftwareChoice('off'), undefined);
  assert.equal(parseSoftwareChoice('dhcp')?.kind, 'dhcp');
  for (const text of ['file:///etc/passwd', 'tftp://', 'tftp://h', 'http://h/', 'loader.bin', '']) {
    assert.throws(() => parseSoftwareChoice(text), { code: 'BOOT_SOFTWARE_URL' });
  }
  assert.equal(parseSoftwareDigest('AB'.repeat(32)), 'ab'.repeat(32));
  assert.throws(() => parseSoftwareDigest('ab'), { code: 'USAGE_VALUE_INVALID' });
});
