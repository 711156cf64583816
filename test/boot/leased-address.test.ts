/** What the kernel is told of addresses that are leased, with a kernel and a lease of the test's own. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressTimes, underLease } from '../../src/boot/leased-address.ts';
import type { Ipv6Address } from '../../src/bytes/index.ts';
import { linuxMachineNetwork, type MachineNetwork } from '../../src/os/machine-network.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';

const address = '2001:db8::7' as Ipv6Address;

function rig(first: AddressTimes | undefined, limit = async () => {}) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const listeners = new Set<() => void>();
  let latest = first;
  const kernel: MachineNetwork = {
    ...linuxMachineNetwork,
    addAddress: async () => ({
      async limit({ valid, preferred }) {
        await limit();
        told.push(`${valid} ${preferred}`);
      },
      [Symbol.asyncDispose]: async () => void told.push('taken back'),
    }),
  };
  const held = {
    get latest() {
      return latest;
    },
    onAnswer(listener: () => void) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  const steps: string[] = [];
  const trace = { step: (text: string) => void steps.push(text) };
  return {
    machine: underLease(kernel, { held, timesOf: (times) => times, clock, trace }),
    prolong(times: AddressTimes | undefined) {
      latest = times;
      for (const listener of listeners) listener();
    },
    ...{ clock, told, steps, listeners },
  };
}

test('an address is the kernel’s until the lease ends, in whole seconds, and for ever where that has no end', async () => {
  const { machine, clock, told, prolong, listeners } = rig({ preferredUntil: 2_100, validUntil: 4_001 });
  clock.advance(100);
  const set = await machine.addAddress('eth0', address, 128);
  assert.deepEqual(told.splice(0), ['4 2']);
  clock.advance(4_000);
  prolong({ preferredUntil: 0, validUntil: 4_000 });
  await settled();
  prolong(undefined);
  await settled();
  prolong({ preferredUntil: Number.POSITIVE_INFINITY, validUntil: Number.POSITIVE_INFINITY });
  await set[Symbol.asyncDispose]();
  assert.deepEqual(told, ['1 0', 'Infinity Infinity', 'taken back']);
  assert.equal(listeners.size, 0);
});

test('an address is not taken back under a change of its lifetime, which would set it again', async () => {
  const changing = Promise.withResolvers<void>();
  const waits = [Promise.resolve(), changing.promise];
  const { machine, told, prolong } = rig({ preferredUntil: 1, validUntil: 1 }, () => waits.shift() ?? assert.fail());
  const set = await machine.addAddress('eth0', address, 128);
  prolong({ preferredUntil: 9_000, validUntil: 9_000 });
  const taken = set[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(told.splice(0), ['1 1']);
  changing.resolve();
  await taken;
  assert.deepEqual(told, ['9 9', 'taken back']);
});

test('where the kernel cannot be told, that is said, and the address is there all the same', async () => {
  const times = { preferredUntil: 1_000, validUntil: 1_000 };
  const { machine, told, steps } = rig(times, () => Promise.reject(new Error('no lifetimes here')));
  await using _set = await machine.addAddress('eth0', address, 128);
  assert.deepEqual(told, []);
  assert.deepEqual(steps, [`the kernel does not know when the lease of ${address} ends: no lifetimes here`]);
});
