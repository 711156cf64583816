/**
 * Several initiator ports share two units, and ask for one thing after the other: commands that are sound, or wrong in one place,
 * task management, new sessions. A model that was written from the standards says what has to come of each, and what the units then
 * hold.
 */

import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { loadReservations } from '../../../src/target/persistent-reservations.ts';
import { Target } from '../../../src/target/target.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { WatchedPortal } from '../portal/watched-portal.ts';
import { until } from '../turns.ts';
import { AskingPort } from './asking-port.ts';
import { cdbOf } from './cdb.ts';
import { BLOCK, UNIT_BLOCKS } from './command.ts';
import { difference } from './expected.ts';
import { Attention } from './model/attentions.ts';
import { UnitModel } from './model/unit.ts';
import { ASKING_PORTS, initiatorPorts } from './ports.ts';
import { randomCommand } from './random/command.ts';
import { ThinDevice } from './thin-device.ts';

const TARGET = 'iqn.2026-11.internal.test:commands';
const UNITS = 2;

/** A unit, and what it should be like. */
interface ModelledUnit {
  readonly device: ThinDevice;
  readonly model: UnitModel;
  readonly thin: boolean;
  readonly canPersist: boolean;
}

export class CommandsWorld {
  readonly violations: string[] = [];
  lastInput = '';
  readonly #random: Random;
  readonly #units: readonly ModelledUnit[];
  #portal: WatchedPortal | undefined;
  readonly #ports: AskingPort[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#units = Array.from({ length: UNITS }, () => modelledUnit(this.#random));
  }

  async open(): Promise<void> {
    const features = new Map<
      number,
      { thin: boolean; savedReservations?: Awaited<ReturnType<typeof loadReservations>> }
    >();
    for (const [lun, { thin, canPersist }] of this.#units.entries()) {
      features.set(lun, canPersist ? { thin, savedReservations: await loadReservations(forgetful) } : { thin });
    }
    const units = new Map(this.#units.map(({ device }, lun) => [lun, device]));
    const target = new Target({ name: TARGET, units, features });
    const portal = new WatchedPortal(this.#random, [target], (what) => this.violations.push(what));
    this.#portal = portal;
    await portal.open();
    for (const port of initiatorPorts.slice(0, ASKING_PORTS)) {
      this.#ports.push(await AskingPort.logIn({ portal, port, targetName: TARGET }));
    }
  }

  async input(): Promise<void> {
    const input = this.#input();
    let isDone = false;
    input
      .catch(() => {})
      .finally(() => {
        isDone = true;
      });
    if (await until(() => isDone)) await input;
    else this.violations.push('no answer comes');
  }

  async #input(): Promise<void> {
    const random = this.#random;
    const index = random.below(ASKING_PORTS);
    const lun = random.below(UNITS);
    const [port, unit] = [this.#ports[index], this.#units[lun]];
    if (port === undefined || unit === undefined) return;
    const kind = random.below(100);
    if (kind < 95) await this.#command(index, port, lun, unit);
    else if (kind < 98) await this.#manage(index, port, lun, unit);
    else await this.#beginAnew(index, port);
    const { content } = unit.model.blocks;
    if (!unit.device.whole().equals(content)) this.violations.push(`unit ${lun} holds something else than it should`);
  }

  async #command(index: number, port: AskingPort, lun: number, { model }: ModelledUnit): Promise<void> {
    const random = this.#random;
    const command = randomCommand(random, index, model);
    const { kind, data, room } = command;
    const cdb = cdbOf(command).toString('hex');
    this.lastInput = `port ${index}, unit ${lun}: ${kind} ${cdb}, ${data.length} bytes out, ${room} in`;
    const expected = model.run(index, command);
    const { senseFormat } = model.mode;
    const answer = await port.run(lun, command, random);
    const wrong = difference(expected, answer, { sent: data.length, room, senseFormat });
    if (wrong !== undefined) this.violations.push(wrong);
  }

  /** No task is under way: only resets change anything. */
  async #manage(index: number, port: AskingPort, lun: number, { model }: ModelledUnit): Promise<void> {
    const { abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset, targetColdReset } = TaskManagementFunction;
    const oneUnit = [abortTaskSet, clearTaskSet, logicalUnitReset, logicalUnitReset] as const;
    const fn = this.#random.pick([...oneUnit, targetWarmReset, targetColdReset]);
    this.lastInput = `port ${index}, unit ${lun}: task management function ${fn}`;
    if (!(await port.manage(fn, lun))) this.violations.push('the function was not completed');
    if (fn === logicalUnitReset) model.reset(Attention.unitReset);
    if (fn === targetWarmReset) for (const unit of this.#units) unit.model.reset(Attention.targetReset);
    if (fn === targetColdReset) await this.#everybodyBeginsAnew();
  }

  async #beginAnew(index: number, port: AskingPort): Promise<void> {
    const way = this.#random.pick(['logout', 'cut', 'nexus reset', 'reinstatement', 'reinstatement'] as const);
    this.lastInput = `port ${index}: a new session after ${way}`;
    await port.leave(way);
    await port.logInAnew();
    for (const { model } of this.#units) model.sessionReplaced(index, way === 'reinstatement');
  }

  /** A TARGET COLD RESET has ended all sessions (RFC 7143 §11.5.1). */
  async #everybodyBeginsAnew(): Promise<void> {
    for (const { model } of this.#units) model.reset(Attention.targetReset);
    for (const port of this.#ports) await port.ended();
    for (const [index, port] of this.#ports.entries()) {
      await port.logInAnew();
      for (const { model } of this.#units) model.sessionReplaced(index, false);
    }
  }

  async close(): Promise<void> {
    await this.#portal?.close();
  }
}

/** What is saved is never needed again. */
const forgetful = { load: () => undefined, save: () => {} };

/** Half of the blocks hold something; the others have never been written. */
function modelledUnit(random: Random): ModelledUnit {
  const content = Buffer.alloc(UNIT_BLOCKS * BLOCK);
  const mapped = Array.from({ length: UNIT_BLOCKS }, () => random.oneIn(2));
  for (const [block, isMapped] of mapped.entries()) {
    if (isMapped) content.fill(random.below(256), block * BLOCK, (block + 1) * BLOCK);
  }
  const thin = !random.oneIn(4);
  const canPersist = random.oneIn(2);
  const granularity = random.pick([8, 8, 1]);
  const device = new ThinDevice(random, content, mapped, granularity * BLOCK);
  return { device, thin, canPersist, model: new UnitModel({ content, mapped, thin, granularity, canPersist }) };
}
