/** The mode parameters of one unit that initiators can change: WCE, D_SENSE and SWP (SPC-4, SBC-3). */

import type { ModePage, ModeSelectCommand, ModeSenseCommand } from '../command.ts';
import {
  type Expected,
  GOOD,
  illegal,
  invalidInCdb,
  invalidInList,
  PARAMETER_LIST_LENGTH_ERROR,
  refused,
} from '../expected.ts';
import { blockDescriptor, modePage } from '../parameter-list.ts';

const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;
const PageCode = { caching: 0x08, control: 0x0a } as const;

interface ModeParameters {
  readonly writeCache: boolean;
  readonly descriptorSense: boolean;
  readonly softwareWriteProtect: boolean;
}

const defaults: ModeParameters = { writeCache: true, descriptorSense: false, softwareWriteProtect: false };

export class ModeModel {
  #parameters = defaults;

  get senseFormat(): 'fixed' | 'descriptor' {
    return this.#parameters.descriptorSense ? 'descriptor' : 'fixed';
  }

  get isWriteProtected(): boolean {
    return this.#parameters.softwareWriteProtect;
  }

  reset(): void {
    this.#parameters = defaults;
  }

  /** `onChange`: other initiator ports must be told. */
  select(command: ModeSelectCommand, onChange: () => void): Expected {
    const { data, pageFormat, savePages, mode, setsFixedBit, isCut } = command;
    if (savePages || (!pageFormat && data.length > 0)) return refused(invalidInCdb(1));
    if (data.length === 0) return GOOD;
    const faults = [
      ...(isCut ? [PARAMETER_LIST_LENGTH_ERROR] : []),
      ...(command.blockDescriptor === 'wrong' ? [invalidInList(command.form === 6 ? 9 : 13)] : []),
      ...(setsFixedBit ? [invalidInList(data.length - 1)] : []),
    ];
    if (faults.length > 0) return refused(...faults);
    const { page: _, ...changes } = mode;
    const before = this.#parameters;
    this.#parameters = { ...before, ...changes };
    const names = Object.keys(defaults) as (keyof ModeParameters)[];
    if (names.some((name) => this.#parameters[name] !== before[name])) onChange();
    return GOOD;
  }

  sense(command: ModeSenseCommand): Expected {
    const { form, control, pageCode, disableBlockDescriptors, room } = command;
    const isKnown = pageCode === PageCode.caching || pageCode === PageCode.control;
    const faults = [...(control === PageControl.saved ? [illegal(0x3900)] : []), ...(isKnown ? [] : [invalidInCdb(2)])];
    if (faults.length > 0) return refused(...faults);
    const descriptor = disableBlockDescriptors ? Buffer.alloc(0) : blockDescriptor();
    const page = this.#page(pageCode, control);
    const whole = Buffer.concat([
      this.#header(form, descriptor.length + page.length, descriptor.length),
      descriptor,
      page,
    ]);
    return { kind: 'good', data: whole.subarray(0, room) };
  }

  #page(pageCode: number, control: number): Buffer {
    const parameters = control === PageControl.default ? defaults : this.#parameters;
    const page = modePage(modeOf(pageCode, parameters));
    if (control !== PageControl.changeable) return page;
    const everything = { writeCache: true, descriptorSense: true, softwareWriteProtect: true };
    const mask = modePage(modeOf(pageCode, everything));
    // QUEUE ALGORITHM MODIFIER cannot be changed.
    mask[3] = 0;
    return mask;
  }

  /** WP and DPOFUA stand in the DEVICE-SPECIFIC PARAMETER. */
  #header(form: 6 | 10, bodyLength: number, descriptorLength: number): Buffer {
    const specific = 0x10 | (this.isWriteProtected ? 0x80 : 0);
    if (form === 6) return Buffer.from([3 + bodyLength, 0, specific, descriptorLength]);
    return Buffer.from([0, 6 + bodyLength, 0, specific, 0, 0, 0, descriptorLength]);
  }
}

function modeOf(pageCode: number, { writeCache, ...control }: ModeParameters): ModePage {
  return pageCode === PageCode.caching ? { page: 'caching', writeCache } : { page: 'control', ...control };
}
