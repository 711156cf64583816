/** The labels that initiators give a logical unit: they outlive resets and power cuts (SPC-4). */

import { DisklessError } from '../bytes/index.ts';
import { InformationType } from '../scsi/index.ts';
import type { ReservationStore } from './reservations/store.ts';

/** Labels are kept as reservations are: all at once, durable when it is done. */
export type InformationStore = ReservationStore;

const VERSION = 1;

interface Labels {
  readonly peripheralDevice: Uint8Array;
  readonly text: Uint8Array;
}

const none: Labels = { peripheralDevice: new Uint8Array(0), text: new Uint8Array(0) };

export class IdentifyingInformation {
  readonly #store: InformationStore | undefined;
  #labels: Labels;
  /** The last change: the next one starts from what it has made. */
  #last: Promise<unknown> = Promise.resolve();

  /** Without a store there are no labels, and none can be set. */
  constructor(store?: InformationStore, labels: Labels = none) {
    this.#store = store;
    this.#labels = labels;
  }

  /** Raises INFORMATION_DAMAGED, and what the store raises. */
  static async open(store: InformationStore): Promise<IdentifyingInformation> {
    const content = await store.load();
    return new IdentifyingInformation(store, content === undefined ? none : decode(content));
  }

  get canSet(): boolean {
    return this.#store !== undefined;
  }

  /** Undefined for a type that does not exist. */
  get(type: number): Uint8Array | undefined {
    if (type === InformationType.peripheralDevice) return this.#labels.peripheralDevice;
    return type === InformationType.text ? this.#labels.text : undefined;
  }

  /** `type` exists and `information` is valid for it. Rejects with what the store raises; the old label then holds. */
  set(type: number, information: Uint8Array): Promise<void> {
    const label = Uint8Array.from(information);
    const change = this.#last.then(() => this.#replace(type, label));
    this.#last = change.catch(() => {});
    return change;
  }

  async #replace(type: number, label: Uint8Array): Promise<void> {
    const labels =
      type === InformationType.text ? { ...this.#labels, text: label } : { ...this.#labels, peripheralDevice: label };
    await this.#store?.save(encode(labels));
    this.#labels = labels;
  }
}

function encode({ peripheralDevice, text }: Labels): Uint8Array {
  const content = { version: VERSION, peripheralDevice: hex(peripheralDevice), text: hex(text) };
  return new TextEncoder().encode(`${JSON.stringify(content)}\n`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function decode(content: Uint8Array): Labels {
  let saved: unknown;
  try {
    saved = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  if (typeof saved !== 'object' || saved === null) throw damaged('it is not an object');
  const fields = new Map<string, unknown>(Object.entries(saved));
  if (fields.get('version') !== VERSION) throw damaged(`its version is not ${VERSION}`);
  return { peripheralDevice: label(fields.get('peripheralDevice')), text: label(fields.get('text')) };
}

function label(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2}){0,256}$/.test(value)) throw damaged('a label is malformed');
  return Uint8Array.from(Buffer.from(value, 'hex'));
}

function damaged(why: string, cause?: unknown): DisklessError {
  return new DisklessError('INFORMATION_DAMAGED', `saved identifying information cannot be read: ${why}`, {
    hint: 'restore it from a copy, or remove it: initiators can set it again',
    cause,
  });
}
