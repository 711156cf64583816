/** The DHCP stage over a simulated network: each way to ask, proof, and a lease that is held. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DhcpStageOptions, describeDhcpResult, howToAsk, runDhcpStage } from '../../src/boot/dhcp-stage.ts';
import { type ErrorRecord, errorRecord } from '../../src/boot/trace.ts';
import { keysOfClient, parseAuthenticationFile } from '../../src/dhcp/authentication-file.ts';
import { type DhcpMessage, MessageType, messageType } from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { settled } from '../support/simulated-clock.ts';
import { bareInterface, type DhcpAnswers, ip, lease, reply, SimulatedLan, targetName } from './simulated-lan.ts';

const rootPath = `iscsi:192.0.2.1::::${targetName}`;
const own = { ...bareInterface, ipv4: [{ address: ip('192.0.2.7'), prefix: 24 }] };

function run(lan: SimulatedLan, options: Partial<DhcpStageOptions> = {}) {
  const steps: string[] = [];
  const given = { network: lan, clock: lan.clock, random: () => 0.5, interface: bareInterface, timeout: 30_000 };
  const signal = new AbortController().signal;
  const running = runDhcpStage({ ...given, signal, ...options }, { step: (text) => steps.push(text) });
  running.catch(() => {});
  return { running, steps };
}

/** Fails when it is not over within `limit` milliseconds. */
async function finish<T>(lan: SimulatedLan, running: Promise<T>, limit = 60_000): Promise<T> {
  let over = false;
  const note = () => {
    over = true;
  };
  running.then(note, note);
  for (let passed = 0; !over; passed += 250) {
    assert.ok(passed < limit, `not over after ${limit} ms`);
    await lan.clock.pass(250);
  }
  return running;
}

/** Of the message, the answer as BOOTP has it: no type, no server identifier, no time. */
function bootpReply(message: DhcpMessage): DhcpMessage[] {
  const options = new OptionList().set(Option.rootPath, rootPath).set(Option.subnetMask, ip('255.255.0.0'));
  return [{ ...reply(message, '192.0.2.51', options), siaddr: ip('192.0.2.1') }];
}

describe('the DHCP stage', () => {
  test('tells address, network and disk, and where each came from', async () => {
    await using lan = new SimulatedLan((message) => lease(message, { rootPath, router: '192.0.2.254' }));
    const { running, steps } = run(lan);
    const result = await finish(lan, running);
    assert.deepEqual([result.address, result.prefix, result.router], ['192.0.2.50', 24, '192.0.2.254']);
    assert.equal(result.origins.rootPath, 'option 17 (root path) of the ACK of 192.0.2.1');
    const { text, facts } = describeDhcpResult(result);
    assert.match(text, /^192\.0\.2\.50\/24 from 192\.0\.2\.1; iscsi:.*, from option 17/);
    assert.deepEqual(JSON.parse(JSON.stringify(facts)).parameters.routers, {
      value: ['192.0.2.254'],
      origin: 'option 3 (routers) of the ACK of 192.0.2.1',
    });
    assert.deepEqual(steps, [
      'DISCOVER on eth0',
      `offer of 192.0.2.50 from 192.0.2.1, Root Path "${rootPath}"`,
      'REQUEST on eth0',
      '192.0.2.1 gives 192.0.2.50: its offer carries an iscsi: root path',
    ]);
    await result.held[Symbol.asyncDispose]();
  });

  test('says why one of several offers goes first', async () => {
    const servers: DhcpAnswers = (message) => [
      ...lease(message, { server: '192.0.2.8', address: '192.0.2.80' }),
      ...lease(message, { server: '192.0.2.9', address: '192.0.2.90' }),
      ...lease(message, { rootPath }),
    ];
    await using lan = new SimulatedLan(servers);
    const { running, steps } = run(lan);
    await using _held = (await finish(lan, running)).held;
    const reason = 'as it carries an iscsi: root path; then 192.0.2.8, which came first; 192.0.2.9, which came later';
    assert.ok(steps.includes(`the offer of 192.0.2.1 goes first, ${reason}`), steps.join('\n'));
  });

  test('classless routes make the routers of option 3 void (RFC 3442)', async () => {
    const route = { destination: ip('0.0.0.0'), prefix: 0, router: ip('192.0.2.253') };
    const answers: DhcpAnswers = (message) =>
      lease(message, { rootPath, router: '192.0.2.254' }).map((answer) => {
        answer.options.set(Option.classlessRoutes, [route]);
        return answer;
      });
    await using lan = new SimulatedLan(answers);
    const result = await finish(lan, run(lan).running);
    assert.equal(result.router, '192.0.2.253');
    await result.held[Symbol.asyncDispose]();
  });

  test('a mask that is none leaves the router alone to be reached', async () => {
    const answers: DhcpAnswers = (message) =>
      lease(message, { rootPath }).map((answer) => {
        answer.options.set(Option.subnetMask, ip('255.0.255.0'));
        return answer;
      });
    await using lan = new SimulatedLan(answers);
    const result = await finish(lan, run(lan).running);
    assert.equal(result.prefix, 32);
    await result.held[Symbol.asyncDispose]();
  });

  test('BOOTP asks and is answered without options of DHCP (RFC 951)', async () => {
    const asked: DhcpMessage[] = [];
    await using lan = new SimulatedLan((message) => {
      asked.push(message);
      return bootpReply(message);
    });
    const { running, steps } = run(lan, { method: 'bootp' });
    const result = await finish(lan, running);
    assert.equal(asked[0]?.options.size, 0);
    assert.deepEqual([result.address, result.prefix, result.leaseTime], ['192.0.2.51', 16, undefined]);
    assert.equal(result.origins.rootPath, 'option 17 (root path) of the reply of 192.0.2.1');
    assert.equal(steps[0], 'BOOTREQUEST on eth0');
    assert.equal(lan.clock.pending, 0, 'nothing to renew');
    await result.held[Symbol.asyncDispose]();
  });

  test('INFORM keeps the address of the interface (RFC 2131 §4.4.3)', async () => {
    await using lan = new SimulatedLan((message) => {
      assert.deepEqual([messageType(message), message.ciaddr], [MessageType.inform, '192.0.2.7']);
      return lease(message, { rootPath, address: '0.0.0.0' });
    });
    const result = await finish(lan, run(lan, { method: 'inform', interface: own }).running);
    assert.deepEqual([result.address, result.prefix, result.leaseTime], ['192.0.2.7', 24, undefined]);
    assert.equal(result.rootPath?.targetName, targetName);
    await result.held[Symbol.asyncDispose]();
    await assert.rejects(run(lan, { method: 'inform' }).running, { code: 'DHCP_INFORM_NO_ADDRESS' });
    assert.equal(lan.openSockets, 0);
  });

  test('asks as the vendor class that it is told', async () => {
    let vendorClass: string | undefined;
    await using lan = new SimulatedLan((message) => {
      vendorClass = message.options.find(Option.vendorClass);
      return lease(message, { rootPath });
    });
    await using _held = (await finish(lan, run(lan, { vendorClass: 'BRCM ISAN' }).running)).held;
    assert.equal(vendorClass, 'BRCM ISAN');
  });

  test('with keys it takes no word of a server that has none', async () => {
    const entries = parseAuthenticationFile('key 7 a-secret-of-16-bytes-or-more', 'keys');
    const keys = keysOfClient(entries, bareInterface.mac);
    await using lan = new SimulatedLan((message) => lease(message, { rootPath }));
    const { running, steps } = run(lan, { keys });
    await assert.rejects(finish(lan, running), { code: 'DHCP_AUTH_FAILED' });
    assert.ok(steps.includes('an answer of 192.0.2.1 is discarded: it is not authenticated'));
    await assert.rejects(run(lan, { keys, method: 'bootp' }).running, { code: 'USAGE_DHCP_AUTH' });
    assert.equal(lan.openSockets, 0);
  });

  test('with keys of other clients only it does not begin', () => {
    const entries = parseAuthenticationFile('client 52:54:00:00:00:99 7 a-secret-of-16-bytes-or-more', 'keys');
    const request = { dhcp: 'v4', discovery: 'off' } as const;
    assert.throws(() => howToAsk(request, bareInterface, entries), { code: 'DHCP_AUTH_NO_KEY' });
    assert.deepEqual(howToAsk(request, bareInterface, undefined), { method: 'v4' });
  });
});

describe('a lease that is held', () => {
  test('is renewed by unicast when half of it is over, again and again', async () => {
    const renewed: string[] = [];
    await using lan = new SimulatedLan((message) => {
      if (message.ciaddr !== '0.0.0.0') renewed.push(message.ciaddr);
      return lease(message, { rootPath });
    });
    const { running, steps } = run(lan);
    const { held } = await finish(lan, running);
    for (let hours = 0; hours < 3; hours++) await lan.clock.pass(3_600_000);
    assert.equal(renewed.length, 6);
    assert.equal(held.lost.aborted, false);
    assert.ok(steps.includes('192.0.2.1 gives 192.0.2.50 for longer'));
    await held[Symbol.asyncDispose]();
    assert.equal(lan.openSockets, 0);
    assert.equal(lan.clock.pending, 0);
  });

  const reasonOf = (signal: AbortSignal): ErrorRecord => errorRecord(signal.reason);

  test('is lost when nobody renews it, not before it is over (RFC 2131 §4.4.5)', async () => {
    let answering = true;
    await using lan = new SimulatedLan((message) => (answering ? lease(message, { rootPath }) : []));
    const { running, steps } = run(lan);
    const { held } = await finish(lan, running);
    answering = false;
    await lan.clock.pass(3_590_000);
    assert.equal(held.lost.aborted, false);
    await lan.clock.pass(20_000);
    assert.equal(reasonOf(held.lost).code, 'DHCP_LEASE_LOST');
    assert.match(reasonOf(held.lost).message, /192\.0\.2\.50 on eth0 is over: no server has renewed it/);
    assert.equal(steps.at(-1), '192.0.2.50 must not be used any more', 'it does not ask for another one');
    assert.equal(lan.clock.pending, 0);
    await held[Symbol.asyncDispose]();
  });

  test('is lost at once when a server refuses to renew it (RFC 2131 §3.1)', async () => {
    const refuse = (message: DhcpMessage) => {
      const options = new OptionList().set(Option.messageType, MessageType.nak).set(Option.message, 'moved');
      return [reply(message, '0.0.0.0', options.set(Option.serverIdentifier, ip('192.0.2.1')))];
    };
    await using lan = new SimulatedLan((message) =>
      message.ciaddr === '0.0.0.0' ? lease(message, { rootPath }) : refuse(message),
    );
    const { held } = await finish(lan, run(lan).running);
    await lan.clock.pass(1_800_000);
    await settled();
    assert.match(reasonOf(held.lost).message, /192\.0\.2\.1 has refused to renew it: moved/);
    await held[Symbol.asyncDispose]();
    assert.equal(lan.openSockets, 0);
  });
});
