import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReservationType, reservationTypes } from '../../src/scsi/persistent-reservation.ts';
import { encodeFullStatus, encodeKeys } from '../../src/scsi/persistent-reserve-in.ts';
import type { ReserveOutRequest } from '../../src/scsi/persistent-reserve-out.ts';
import type { ReservationAccess } from '../../src/scsi/reservation-access.ts';
import { encodeTransportId } from '../../src/scsi/transport-id.ts';
import { loadReservations, PersistentReservations } from '../../src/target/persistent-reservations.ts';
import { mayAccess, reserve6Treatment } from '../../src/target/reservations/access.ts';
import { MAXIMUM_REGISTRATIONS, type RegistrationPorts } from '../../src/target/reservations/register.ts';
import { answerReserveIn } from '../../src/target/reservations/reserve-in.ts';
import { decideReserveOut } from '../../src/target/reservations/reserve-out.ts';
import {
  type NexusName,
  noReservations,
  type ReservationState,
  sameNexus,
} from '../../src/target/reservations/state.ts';
import { decodeReservations, encodeReservations, type ReservationStore } from '../../src/target/reservations/store.ts';

const nexus = (letter: string, relativeTargetPort = 1): NexusName => ({
  initiatorName: `iqn.2026-11.org.example:${letter}`,
  isid: '00023d000001',
  relativeTargetPort,
});
const [a, b, c] = [nexus('a'), nexus('b'), nexus('c')];
const ports: RegistrationPorts = { targetPorts: [1], initiatorPorts: [a, b, c], canPersist: true };

type Register = Extract<ReserveOutRequest, { action: 'register' }>;

const register = (reservationKey: bigint, key: bigint, more: Partial<Register> = {}): Register => ({
  action: 'register',
  ignoreExistingKey: false,
  reservationKey,
  serviceActionReservationKey: key,
  allTargetPorts: false,
  activatePersistThroughPowerLoss: false,
  initiatorPorts: undefined,
  ...more,
});
const reserve = (reservationKey: bigint, type: number, scope = 0): ReserveOutRequest => ({
  action: 'reserve',
  scope,
  type,
  reservationKey,
});
const release = (reservationKey: bigint, type: number, scope = 0): ReserveOutRequest => ({
  action: 'release',
  scope,
  type,
  reservationKey,
});
const preempt = (reservationKey: bigint, key: bigint, type = 1, abort = false): ReserveOutRequest => ({
  action: 'preempt',
  abort,
  scope: 0,
  type,
  reservationKey,
  serviceActionReservationKey: key,
});
const move = (
  reservationKey: bigint,
  to: NexusName,
  more: Partial<Extract<ReserveOutRequest, { action: 'registerAndMove' }>> = {},
): ReserveOutRequest => ({
  action: 'registerAndMove',
  reservationKey,
  serviceActionReservationKey: 0x99n,
  unregister: false,
  activatePersistThroughPowerLoss: false,
  relativeTargetPort: to.relativeTargetPort,
  transportId: { initiatorName: to.initiatorName, isid: to.isid },
  ...more,
});

/** How a decision answers, in a word: `good`, `conflict`, or the sense as key/code. */
function answer({ outcome }: { outcome: { status: number; sense?: { key: number; code: number } } }): string {
  if (outcome.status === 0x00) return 'good';
  if (outcome.status === 0x18) return 'conflict';
  assert.equal(outcome.status, 0x02);
  const { key = 0, code = 0 } = outcome.sense ?? {};
  return `${key.toString(16).padStart(2, '0')}/${code.toString(16).padStart(4, '0')}`;
}

/** Runs operations one after the other, each of which must be GOOD. */
function after(...steps: readonly (readonly [NexusName, ReserveOutRequest])[]): ReservationState {
  return steps.reduce((state, [who, request]) => {
    const decision = decideReserveOut(state, who, request, ports);
    assert.equal(
      answer(decision),
      'good',
      JSON.stringify(request, (_, value) => String(value)),
    );
    return decision.state;
  }, noReservations);
}

const decide = (state: ReservationState, who: NexusName, request: ReserveOutRequest, given = ports) =>
  decideReserveOut(state, who, request, given);
const keys = (state: ReservationState): string[] =>
  state.registrations.map(({ nexus, key }) => `${nexus.initiatorName.slice(-1)}${nexus.relativeTargetPort}=${key}`);
const told = (decision: { attentions: readonly { nexus: NexusName; code: number }[] }): string[] =>
  decision.attentions.map(({ nexus, code }) => `${nexus.initiatorName.slice(-1)}:${code.toString(16)}`);

const threeRegistered = after([a, register(0n, 1n)], [b, register(0n, 2n)], [c, register(0n, 3n)]);
const reservedBy = (type: number): ReservationState => decide(threeRegistered, a, reserve(1n, type)).state;

describe('REGISTER', () => {
  test('a new nexus registers with key 0 as its reservation key', () => {
    assert.deepEqual(keys(threeRegistered), ['a1=1', 'b1=2', 'c1=3']);
    assert.equal(threeRegistered.generation, 3);
    assert.equal(answer(decide(noReservations, a, register(5n, 1n))), 'conflict');
  });

  test('a registered nexus must state its key, and can change it or leave', () => {
    assert.equal(answer(decide(threeRegistered, a, register(0n, 9n))), 'conflict');
    assert.equal(answer(decide(threeRegistered, a, register(2n, 9n))), 'conflict');
    assert.deepEqual(keys(decide(threeRegistered, a, register(1n, 9n)).state), ['a1=9', 'b1=2', 'c1=3']);
    assert.deepEqual(keys(decide(threeRegistered, a, register(1n, 0n)).state), ['b1=2', 'c1=3']);
  });

  test('nothing to register is GOOD and changes nothing, the generation neither', () => {
    const decision = decide(threeRegistered, nexus('d'), register(0n, 0n));
    assert.equal(answer(decision), 'good');
    assert.equal(decision.state, threeRegistered);
  });

  test('REGISTER AND IGNORE EXISTING KEY takes any key', () => {
    const ignore = { ignoreExistingKey: true };
    assert.deepEqual(keys(decide(threeRegistered, a, register(77n, 9n, ignore)).state), ['a1=9', 'b1=2', 'c1=3']);
    assert.deepEqual(keys(decide(noReservations, a, register(77n, 9n, ignore)).state), ['a1=9']);
    assert.deepEqual(keys(decide(threeRegistered, a, register(77n, 0n, ignore)).state), ['b1=2', 'c1=3']);
  });

  test('the generation wraps after 32 bits', () => {
    const last = { ...noReservations, generation: 0xffff_ffff };
    assert.equal(decide(last, a, register(0n, 1n)).state.generation, 0);
  });

  test('SPEC_I_PT registers the named ports as well, all of them or none', () => {
    const one = { initiatorPorts: [{ initiatorName: b.initiatorName, isid: b.isid }] };
    assert.deepEqual(keys(decide(noReservations, a, register(0n, 1n, one)).state), ['a1=1', 'b1=1']);
    const everyPort = { initiatorPorts: [{ initiatorName: c.initiatorName, isid: undefined }] };
    assert.deepEqual(keys(decide(noReservations, a, register(0n, 1n, everyPort)).state), ['a1=1', 'c1=1']);
    const taken = after([b, register(0n, 2n)]);
    const refused = decide(taken, a, register(0n, 1n, one));
    assert.equal(answer(refused), '05/2600');
    assert.equal(refused.state, taken);
    // Only along with the sender's own new registration.
    assert.equal(answer(decide(threeRegistered, a, register(1n, 9n, one))), '05/2600');
    assert.equal(answer(decide(noReservations, a, register(0n, 0n, one))), '05/2600');
  });

  test('ALL_TG_PT registers the initiator at every target port', () => {
    const twoPorts = { ...ports, targetPorts: [1, 2] };
    const everywhere = { allTargetPorts: true };
    const { state } = decide(noReservations, a, register(0n, 1n, everywhere), twoPorts);
    assert.deepEqual(keys(state), ['a1=1', 'a2=1']);
    // From one port, it leaves that one only; from all, all.
    assert.deepEqual(keys(decide(state, a, register(1n, 0n), twoPorts).state), ['a2=1']);
    assert.deepEqual(keys(decide(state, a, register(1n, 0n, everywhere), twoPorts).state), []);
  });

  test('APTPL is refused where nothing is kept', () => {
    const durable = { activatePersistThroughPowerLoss: true };
    assert.equal(
      answer(decide(noReservations, a, register(0n, 1n, durable), { ...ports, canPersist: false })),
      '05/2600',
    );
    const on = decide(noReservations, a, register(0n, 1n, durable)).state;
    assert.equal(on.persistsThroughPowerLoss, true);
    assert.equal(decide(on, b, register(0n, 2n)).state.persistsThroughPowerLoss, false);
  });

  test('more registrations than the unit keeps are refused with 05/5504', () => {
    const registrations = Array.from({ length: MAXIMUM_REGISTRATIONS }, (_, index) => ({
      nexus: nexus(`n${index}`),
      key: 1n,
    }));
    const full = { ...noReservations, registrations };
    assert.equal(answer(decide(full, a, register(0n, 1n))), '05/5504');
    assert.equal(answer(decide(full, nexus('n3'), register(1n, 2n))), 'good');
  });
});

describe('unregistering the holder', () => {
  for (const [name, type] of Object.entries(ReservationType)) {
    const allRegistrants = type >= 7;
    const registrantsOnly = type === 5 || type === 6;
    test(`${name}: ${allRegistrants ? 'stays' : 'released'}`, () => {
      const decision = decide(reservedBy(type), a, register(1n, 0n));
      assert.deepEqual(keys(decision.state), ['b1=2', 'c1=3']);
      assert.equal(decision.state.reservation !== undefined, allRegistrants);
      assert.deepEqual(told(decision), registrantsOnly ? ['b:2a04', 'c:2a04'] : []);
      // The last registrant takes the reservation along.
      const two = decide(decision.state, b, register(2n, 0n)).state;
      const none = decide(two, c, register(3n, 0n));
      assert.equal(none.state.reservation, undefined);
      assert.deepEqual(told(none), []);
    });
  }

  test('any other registrant leaves without effect on the reservation', () => {
    for (const type of reservationTypes) {
      const decision = decide(reservedBy(type), b, register(2n, 0n));
      assert.deepEqual(decision.state.reservation, reservedBy(type).reservation);
      assert.deepEqual(told(decision), []);
    }
  });
});

describe('RESERVE and RELEASE', () => {
  test('only registered nexuses with the right key', () => {
    assert.equal(answer(decide(threeRegistered, nexus('d'), reserve(0n, 1))), 'conflict');
    assert.equal(answer(decide(threeRegistered, a, reserve(2n, 1))), 'conflict');
    assert.equal(answer(decide(reservedBy(1), nexus('d'), release(0n, 1))), 'conflict');
    assert.equal(answer(decide(reservedBy(1), a, release(2n, 1))), 'conflict');
  });

  test('an obsolete type or scope is an invalid field of the CDB', () => {
    for (const type of [0, 2, 4, 9, 15]) assert.equal(answer(decide(threeRegistered, a, reserve(1n, type))), '05/2400');
    assert.equal(answer(decide(threeRegistered, a, reserve(1n, 1, 2))), '05/2400');
  });

  test('what one holds can be reserved again, not changed; what another holds neither', () => {
    for (const type of reservationTypes) {
      const state = reservedBy(type);
      const again = decide(state, a, reserve(1n, type));
      assert.equal(answer(again), 'good');
      assert.equal(again.state, state);
      assert.equal(answer(decide(state, a, reserve(1n, type === 1 ? 3 : 1))), 'conflict');
      assert.equal(answer(decide(state, b, reserve(2n, type))), type >= 7 ? 'good' : 'conflict');
    }
  });

  test('releasing tells the others where they shared the access, and never the sender', () => {
    for (const type of reservationTypes) {
      const decision = decide(reservedBy(type), a, release(1n, type));
      assert.equal(decision.state.reservation, undefined);
      assert.equal(decision.state.generation, 3);
      assert.deepEqual(told(decision), type >= 5 ? ['b:2a04', 'c:2a04'] : []);
    }
  });

  test('a release with another type than the reservation has is 05/2604', () => {
    assert.equal(answer(decide(reservedBy(5), a, release(1n, 6))), '05/2604');
    assert.equal(answer(decide(reservedBy(5), a, release(1n, 5, 1))), '05/2604');
  });

  test('a release by somebody who holds nothing does nothing', () => {
    const state = reservedBy(5);
    const decision = decide(state, b, release(2n, 5));
    assert.equal(answer(decision), 'good');
    assert.equal(decision.state, state);
    assert.equal(answer(decide(threeRegistered, b, release(2n, 1))), 'good');
  });
});

describe('CLEAR', () => {
  test('ends the reservation and all registrations, and tells the others', () => {
    const decision = decide(reservedBy(1), b, { action: 'clear', reservationKey: 2n });
    assert.equal(decision.state.reservation, undefined);
    assert.deepEqual(keys(decision.state), []);
    assert.equal(decision.state.generation, 4);
    assert.deepEqual(told(decision), ['a:2a03', 'c:2a03']);
    assert.equal(answer(decide(reservedBy(1), b, { action: 'clear', reservationKey: 1n })), 'conflict');
  });
});

describe('PREEMPT', () => {
  test('without a reservation: registrations of that key go, and are told', () => {
    const decision = decide(threeRegistered, b, preempt(2n, 1n));
    assert.deepEqual(keys(decision.state), ['b1=2', 'c1=3']);
    assert.deepEqual(told(decision), ['a:2a05']);
    assert.equal(decision.state.generation, 4);
    assert.equal(decision.state.reservation, undefined);
    assert.equal(answer(decide(threeRegistered, b, preempt(2n, 77n))), 'conflict');
    assert.equal(answer(decide(threeRegistered, b, preempt(2n, 0n))), '05/2600');
  });

  test('of the holder: the sender gets the reservation in its own type', () => {
    for (const type of [1, 3, 5, 6]) {
      const decision = decide(reservedBy(type), b, preempt(2n, 1n, 8));
      assert.deepEqual(keys(decision.state), ['b1=2', 'c1=3']);
      assert.deepEqual(decision.state.reservation, { type: 8, holder: undefined });
      assert.deepEqual(told(decision), ['a:2a05', 'c:2a04']);
      const same = decide(reservedBy(type), b, preempt(2n, 1n, type));
      assert.deepEqual(same.state.reservation, { type, holder: b });
      assert.deepEqual(told(same), ['a:2a05']);
    }
    assert.equal(answer(decide(reservedBy(1), b, preempt(2n, 1n, 2))), '05/2400');
  });

  test('of somebody who is not the holder: the reservation stays, the type does not count', () => {
    const decision = decide(reservedBy(1), b, preempt(2n, 3n, 2));
    assert.deepEqual(keys(decision.state), ['a1=1', 'b1=2']);
    assert.deepEqual(decision.state.reservation, reservedBy(1).reservation);
    assert.deepEqual(told(decision), ['c:2a05']);
    assert.equal(answer(decide(reservedBy(1), b, preempt(2n, 0n))), '05/2600');
  });

  test('of an all registrants reservation with key 0: everybody else goes', () => {
    for (const type of [7, 8]) {
      const decision = decide(reservedBy(type), b, preempt(2n, 0n, 3));
      assert.deepEqual(keys(decision.state), ['b1=2']);
      assert.deepEqual(decision.state.reservation, { type: 3, holder: b });
      assert.deepEqual(told(decision), ['a:2a05', 'c:2a05']);
      // With a key, only the registrations of that key.
      const some = decide(reservedBy(type), b, preempt(2n, 3n, 3));
      assert.deepEqual(keys(some.state), ['a1=1', 'b1=2']);
      assert.deepEqual(some.state.reservation, reservedBy(type).reservation);
    }
  });

  test('of every registrant of an all registrants reservation, the sender too: nobody holds it any more', () => {
    const shared = after([a, register(0n, 5n)], [b, register(0n, 5n)], [a, reserve(5n, 7)]);
    const decision = decide(shared, b, preempt(5n, 5n, 7));
    assert.deepEqual(keys(decision.state), []);
    assert.equal(decision.state.reservation, undefined);
    assert.deepEqual(told(decision), ['a:2a05']);
  });

  test('the holder preempts itself to change the type', () => {
    const decision = decide(reservedBy(1), a, preempt(1n, 1n, 5));
    assert.deepEqual(keys(decision.state), ['a1=1', 'b1=2', 'c1=3']);
    assert.deepEqual(decision.state.reservation, { type: 5, holder: a });
    assert.deepEqual(told(decision), ['b:2a04', 'c:2a04']);
  });

  test('AND ABORT ends the tasks of those who lost their registration', () => {
    const decision = decide(reservedBy(8), b, preempt(2n, 0n, 3, true));
    assert.deepEqual(decision.abortTasksOf, [a, c]);
    assert.deepEqual(decide(threeRegistered, b, preempt(2n, 1n, 1, true)).abortTasksOf, [a]);
    assert.deepEqual(decide(threeRegistered, b, preempt(2n, 1n)).abortTasksOf, []);
  });
});

describe('REGISTER AND MOVE', () => {
  const d = nexus('d');

  test('gives the reservation and a key to another nexus', () => {
    const decision = decide(reservedBy(5), a, move(1n, d));
    assert.deepEqual(keys(decision.state), ['a1=1', 'b1=2', 'c1=3', 'd1=153']);
    assert.deepEqual(decision.state.reservation, { type: 5, holder: d });
    assert.equal(decision.state.generation, 4);
    const leaving = decide(reservedBy(5), a, move(1n, b, { unregister: true }));
    assert.deepEqual(keys(leaving.state), ['b1=153', 'c1=3']);
    assert.deepEqual(leaving.state.reservation, { type: 5, holder: b });
  });

  test('is for the holder alone, and not for the all registrants types', () => {
    assert.equal(answer(decide(reservedBy(5), b, move(2n, d))), 'conflict');
    assert.equal(answer(decide(reservedBy(7), a, move(1n, d))), 'conflict');
    assert.equal(answer(decide(reservedBy(5), a, move(2n, d))), 'conflict');
    assert.equal(answer(decide(threeRegistered, a, move(1n, d))), '05/2400');
  });

  test('a destination that cannot be is refused', () => {
    const to = { initiatorName: d.initiatorName, isid: undefined };
    assert.equal(answer(decide(reservedBy(5), a, move(1n, a))), '05/2600');
    assert.equal(answer(decide(reservedBy(5), a, move(1n, d, { transportId: to }))), '05/2600');
    assert.equal(answer(decide(reservedBy(5), a, move(1n, d, { relativeTargetPort: 9 }))), '05/2600');
    assert.equal(answer(decide(reservedBy(5), a, move(1n, d, { serviceActionReservationKey: 0n }))), '05/2600');
  });
});

describe('access', () => {
  /** Who may do what, by type: holder, other registrant, stranger; W writes, R reads, I asks (INQUIRY). */
  const matrix: Record<number, readonly [string, string, string]> = {
    1: ['WRI', 'RI', 'RI'],
    3: ['WRI', 'I', 'I'],
    5: ['WRI', 'WRI', 'RI'],
    6: ['WRI', 'WRI', 'I'],
    7: ['WRI', 'WRI', 'RI'],
    8: ['WRI', 'WRI', 'I'],
  };
  const accesses: readonly [string, ReservationAccess][] = [
    ['W', 'holders'],
    ['R', 'unless exclusive'],
    ['I', 'always'],
  ];
  for (const [name, type] of Object.entries(ReservationType)) {
    test(name, () => {
      const state = reservedBy(type);
      const seen = [a, b, nexus('d')].map((who) =>
        accesses
          .filter(([, access]) => mayAccess(state, who, access, new Uint8Array(16)))
          .map(([letter]) => letter)
          .join(''),
      );
      assert.deepEqual(seen, matrix[type]);
    });
  }

  test('without a reservation registrations keep nobody out', () => {
    assert.equal(mayAccess(threeRegistered, nexus('d'), 'holders', new Uint8Array(16)), true);
  });

  test('the same initiator at another target port, or with another ISID, is another nexus', () => {
    const state = reservedBy(3);
    assert.equal(mayAccess(state, nexus('a', 2), 'holders', new Uint8Array(16)), false);
    assert.equal(mayAccess(state, { ...a, isid: '00023d000002' }, 'holders', new Uint8Array(16)), false);
  });

  test('RESERVE(6): as SPC-2 with nobody registered, a conflict else, nothing for who has the access', () => {
    assert.equal(reserve6Treatment(noReservations, a), 'process');
    assert.equal(reserve6Treatment(threeRegistered, a), 'conflict');
    assert.equal(reserve6Treatment(threeRegistered, nexus('d')), 'conflict');
    assert.equal(reserve6Treatment(reservedBy(1), a), 'nothing');
    assert.equal(reserve6Treatment(reservedBy(1), b), 'conflict');
    assert.equal(reserve6Treatment(reservedBy(5), b), 'nothing');
    assert.equal(reserve6Treatment(reservedBy(5), nexus('d')), 'conflict');
  });
});

describe('PERSISTENT RESERVE IN', () => {
  test('READ RESERVATION shows the holder, and key 0 for all registrants', () => {
    const key = (type: number): bigint =>
      Buffer.from(answerReserveIn(reservedBy(type), 1, false) ?? []).readBigUInt64BE(8);
    assert.equal(key(1), 1n);
    assert.equal(key(8), 0n);
  });

  test('READ KEYS and READ FULL STATUS show every registration', () => {
    assert.deepEqual(answerReserveIn(threeRegistered, 0, false), encodeKeys(3, [1n, 2n, 3n]));
    const status = (holders: readonly NexusName[], type: ReservationType) =>
      encodeFullStatus(
        3,
        [a, b, c].map((who, index) => ({
          reservationKey: BigInt(index + 1),
          holds: holders.includes(who) ? type : undefined,
          relativeTargetPort: 1,
          transportId: { initiatorName: who.initiatorName, isid: who.isid },
        })),
      );
    assert.deepEqual(answerReserveIn(reservedBy(5), 3, false), status([a], 5));
    assert.deepEqual(answerReserveIn(reservedBy(7), 3, false), status([a, b, c], 7));
  });

  test('other service actions do not exist', () => {
    for (let action = 4; action < 32; action++) assert.equal(answerReserveIn(reservedBy(1), action, true), undefined);
  });
});

/** Random operations by four nexuses with few keys, so that they meet. */
const requests: fc.Arbitrary<ReserveOutRequest> = (() => {
  const key = fc.bigInt(0n, 3n);
  const type = fc.constantFrom(...reservationTypes);
  const isTrue = fc.boolean();
  return fc.oneof(
    fc
      .tuple(key, key, isTrue, isTrue)
      .map(([own, next, ignoreExistingKey, durable]) =>
        register(own, next, { ignoreExistingKey, activatePersistThroughPowerLoss: durable }),
      ),
    fc.tuple(key, type).map(([own, kind]) => reserve(own, kind)),
    fc.tuple(key, type).map(([own, kind]) => release(own, kind)),
    key.map((own): ReserveOutRequest => ({ action: 'clear', reservationKey: own })),
    fc.tuple(key, key, type, isTrue).map(([own, other, kind, abort]) => preempt(own, other, kind, abort)),
    fc
      .tuple(key, key, fc.constantFrom(a, b, c), isTrue)
      .map(([own, next, to, unregister]) => move(own, to, { serviceActionReservationKey: next, unregister })),
  );
})();

describe('any sequence of operations', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(a, b, c, nexus('d')), requests), { maxLength: 60 });

  test('keeps the rules that hold for all of them', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let state = noReservations;
        for (const [who, request] of sequence) {
          const decision = decide(state, who, request);
          checkStep(state, who, request, decision);
          state = decision.state;
        }
      }),
      { numRuns: 400 },
    );
  });

  function checkStep(
    before: ReservationState,
    who: NexusName,
    request: ReserveOutRequest,
    decision: ReturnType<typeof decide>,
  ): void {
    const { state } = decision;
    const wasRegistered = before.registrations.find(({ nexus }) => sameNexus(nexus, who));
    const good = answer(decision) === 'good';
    if (!good) assert.equal(state, before);
    // A wrong key, or none, never changes anything.
    const ignores = request.action === 'register' && request.ignoreExistingKey;
    const proven =
      wasRegistered === undefined ? request.action === 'register' : wasRegistered.key === request.reservationKey;
    if (!ignores && !proven) assert.equal(answer(decision), 'conflict');
    // The generation counts all changes but those of RESERVE and RELEASE.
    const counted = state !== before && request.action !== 'reserve' && request.action !== 'release';
    assert.equal(state.generation, before.generation + (counted ? 1 : 0));
    // A reservation has a holder who is registered, and no nexus is registered twice or with key 0.
    if (state.reservation !== undefined) {
      const { holder, type } = state.reservation;
      assert.equal(holder === undefined, type >= 7);
      assert.ok(state.registrations.some(({ nexus }) => holder === undefined || sameNexus(nexus, holder)));
    }
    const names = state.registrations.map(({ nexus }) => nexus.initiatorName);
    assert.equal(new Set(names).size, names.length);
    assert.ok(state.registrations.every(({ key }) => key !== 0n));
    // Nobody is told what it did itself, twice the same, or about a unit at which it never registered.
    assert.ok(decision.attentions.every(({ nexus }) => !sameNexus(nexus, who)));
    const attentions = told(decision);
    assert.equal(new Set(attentions).size, attentions.length);
    for (const { nexus } of decision.attentions) {
      assert.ok(before.registrations.some((registration) => sameNexus(registration.nexus, nexus)));
    }
    // Whoever lost its registration by another's hand is told so, and its tasks end if they were to.
    const lost = before.registrations.filter(
      (old) => !sameNexus(old.nexus, who) && !state.registrations.some(({ nexus }) => sameNexus(nexus, old.nexus)),
    );
    for (const { nexus } of lost) {
      assert.ok(decision.attentions.some((one) => sameNexus(one.nexus, nexus) && [0x2a03, 0x2a05].includes(one.code)));
    }
    const abort = request.action === 'preempt' && request.abort && good;
    assert.deepEqual(decision.abortTasksOf, abort ? lost.map(({ nexus }) => nexus) : []);
    // What persists comes back as it was.
    const restored = decodeReservations(encodeReservations(state));
    const kept = state.persistsThroughPowerLoss;
    assert.deepEqual(restored.registrations, kept ? state.registrations : []);
    assert.deepEqual(restored.reservation, kept ? state.reservation : undefined);
    assert.equal(restored.generation, 0);
  }
});

describe('what was saved', () => {
  const saved = JSON.parse(
    Buffer.from(encodeReservations({ ...reservedBy(5), persistsThroughPowerLoss: true })).toString(),
  );
  const decode = (content: unknown): ReservationState => decodeReservations(Buffer.from(JSON.stringify(content)));

  test('is readable by people', () => {
    assert.deepEqual(saved, {
      version: 1,
      registrations: [
        { ...a, key: '0000000000000001' },
        { ...b, key: '0000000000000002' },
        { ...c, key: '0000000000000003' },
      ],
      reservation: { type: 5, holder: a },
    });
  });

  test('is refused as a whole when any of it is damaged', () => {
    const [first, ...rest] = saved.registrations;
    const bad: unknown[] = [
      null,
      [],
      { ...saved, registrations: undefined },
      { ...saved, registrations: [{ ...first, key: '0' }, ...rest] },
      { ...saved, registrations: [{ ...first, key: '0000000000000000' }, ...rest] },
      { ...saved, registrations: [{ ...first, isid: 'xyz' }, ...rest] },
      { ...saved, registrations: [{ ...first, relativeTargetPort: -1 }, ...rest] },
      { ...saved, registrations: [{ ...first, initiatorName: 7 }, ...rest] },
      { ...saved, registrations: [first, first] },
      { ...saved, registrations: rest },
      { ...saved, reservation: { type: 2, holder: a } },
      { ...saved, reservation: 'all' },
    ];
    for (const content of bad) {
      assert.throws(() => decode(content), { code: 'RESERVATIONS_DAMAGED' }, JSON.stringify(content));
    }
    assert.throws(() => decodeReservations(Buffer.from('{"version":1')), { code: 'RESERVATIONS_DAMAGED' });
    assert.throws(() => decode({ ...saved, version: 2 }), { code: 'RESERVATIONS_VERSION' });
  });
});

/** A store whose saves end when the test says so. */
class HeldStore implements ReservationStore {
  content: Uint8Array | undefined;
  readonly #waiting: { content: Uint8Array; resolve: () => void; reject: (error: Error) => void }[] = [];
  arrived = Promise.withResolvers<void>();

  load(): Uint8Array | undefined {
    return this.content;
  }

  save(content: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ content, resolve, reject });
      this.arrived.resolve();
    });
  }

  async end(error?: Error): Promise<void> {
    await this.arrived.promise;
    this.arrived = Promise.withResolvers();
    const [save] = this.#waiting.splice(0, 1);
    if (save === undefined) throw new Error('nothing is being saved');
    if (error !== undefined) save.reject(error);
    else {
      this.content = save.content;
      save.resolve();
    }
  }

  get waiting(): number {
    return this.#waiting.length;
  }
}

describe('a unit', () => {
  const cdb = (action: number, length = 24, type = 0): Buffer => {
    const result = Buffer.alloc(16);
    result.writeUInt8(action, 1);
    result.writeUInt8(type, 2);
    result.writeUInt32BE(length, 5);
    return result;
  };
  const list = (key: bigint, next: bigint, flags = 0): Buffer => {
    const result = Buffer.alloc(24);
    result.writeBigUInt64BE(key, 0);
    result.writeBigUInt64BE(next, 8);
    result.writeUInt8(flags, 20);
    return result;
  };
  const open = async (store?: ReservationStore) =>
    new PersistentReservations(
      () => ({ targetPorts: [1], initiatorPorts: [a, b] }),
      store && (await loadReservations(store)),
    );

  test('answers once it is durable, and then runs the next operation', async () => {
    const store = new HeldStore();
    const unit = await open(store);
    const first = unit.reserveOut(a, cdb(0), list(0n, 1n, 1));
    const second = unit.reserveOut(a, cdb(1, 24, 3), list(1n, 0n));
    await store.arrived.promise;
    assert.deepEqual(keys(unit.state), [], 'nothing holds before it is durable');
    assert.equal(store.waiting, 1);
    await store.end();
    assert.equal(answer(await first), 'good');
    assert.equal(unit.reserved, false);
    await store.end();
    assert.equal(answer(await second), 'good');
    assert.equal(unit.reserved, true);
    const restarted = await open(store);
    assert.equal(restarted.mayAccess(b, 'unless exclusive', new Uint8Array(16)), false);
    assert.equal(restarted.mayAccess(a, 'holders', new Uint8Array(16)), true);
  });

  test('a store that fails leaves everything as it was, and says so', async () => {
    const store = new HeldStore();
    const unit = await open(store);
    const seen: unknown[] = [];
    const listener = (message: unknown): void => void seen.push(message);
    subscribe('diskless:target:reservations-not-saved', listener);
    const failing = unit.reserveOut(a, cdb(0), list(0n, 1n, 1));
    const error = new Error('disk full');
    await store.end(error);
    assert.equal(answer(await failing), '04/4400');
    unsubscribe('diskless:target:reservations-not-saved', listener);
    assert.deepEqual(seen, [{ error }]);
    assert.deepEqual(keys(unit.state), []);
    const next = unit.reserveOut(a, cdb(0), list(0n, 1n, 1));
    await store.end();
    assert.equal(answer(await next), 'good');
  });

  test('switching persistence off is durable too, and later changes are not saved', async () => {
    const store = new HeldStore();
    const unit = await open(store);
    const on = unit.reserveOut(a, cdb(0), list(0n, 1n, 1));
    await store.end();
    await on;
    const off = unit.reserveOut(a, cdb(0), list(1n, 2n, 0));
    await store.end();
    assert.equal(answer(await off), 'good');
    assert.equal(answer(await unit.reserveOut(b, cdb(0), list(0n, 7n))), 'good');
    assert.deepEqual(keys((await open(store)).state), []);
  });

  test('malformed commands get their sense', async () => {
    const unit = await open();
    assert.equal(answer(await unit.reserveOut(a, cdb(0, 23), new Uint8Array(23))), '05/1a00');
    assert.equal(answer(await unit.reserveOut(a, cdb(8), list(0n, 1n))), '05/2400');
    assert.equal(answer(await unit.reserveOut(a, cdb(0), list(0n, 1n, 1))), '05/2600');
    const transportId = encodeTransportId({ initiatorName: b.initiatorName, isid: b.isid });
    transportId[0] = 0;
    const specified = Buffer.concat([list(0n, 1n, 8), Buffer.from([0, 0, 0, transportId.length]), transportId]);
    assert.equal(answer(await unit.reserveOut(a, cdb(0, specified.length), specified)), '05/2600');
    const readKeys = Buffer.alloc(16);
    readKeys.writeUInt16BE(8, 7);
    assert.deepEqual(unit.reserveIn(readKeys), { data: encodeKeys(0, []), allocationLength: 8 });
    readKeys.writeUInt8(4, 1);
    const refused = unit.reserveIn(readKeys);
    assert.ok('status' in refused);
    assert.equal(answer({ outcome: refused }), '05/2400');
  });
});
