/** A registry to talk to in attributes. */

import assert from 'node:assert/strict';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import {
  type Attribute,
  addressAttribute,
  addressOf,
  decodeAttributes,
  longOf,
  numberAttribute,
  numberOf,
  textAttribute,
  textOf,
  zeroLength,
} from '../../src/isns/attribute.ts';
import { DdsStatus, NodeType } from '../../src/isns/bitmap.ts';
import { decodeResponse, encodeRequest, type ResponseSections } from '../../src/isns/message.ts';
import { FunctionId, ISNSP_VERSION, responseTo } from '../../src/isns/pdu.ts';
import { decodeRecord } from '../../src/isns/registry/record.ts';
import { Registry } from '../../src/isns/registry/registry.ts';
import { defaultRegistrySettings, type RegistrySettings } from '../../src/isns/registry/settings.ts';
import { Status } from '../../src/isns/status.ts';
import { kindOf, Tag } from '../../src/isns/tag.ts';

export const control = 'iqn.2001-04.com.example:control';
export const client = 'iqn.2001-04.com.example:client';
export const disk = 'iqn.2001-04.com.example:disk';

export interface Question {
  readonly key?: readonly Attribute[];
  readonly operating?: readonly Attribute[];
  readonly replace?: boolean;
  readonly version?: number;
}

export class Rig {
  readonly records = new Map<string, { type: string; key: string; record: Uint8Array }>();
  readonly settings: RegistrySettings;
  registry: Registry;
  /** Seconds. */
  now = 1_000_000;

  constructor(settings: Partial<RegistrySettings> = {}) {
    const controlNodes = new Set([control]);
    this.settings = { ...defaultRegistrySettings, parseName: parseIscsiName, controlNodes, ...settings };
    this.registry = new Registry(this.settings, [], this.now);
  }

  ask(source: string | undefined, functionId: number, question: Question = {}): ResponseSections {
    const { key = [], operating = [], replace = false, version = ISNSP_VERSION } = question;
    const own = source === undefined ? undefined : textAttribute(Tag.iscsiName, source);
    const payload = encodeRequest({ source: own, key, operating });
    const message = { version, functionId, transactionId: 7, sender: 'client', replace, payload } as const;
    const response = this.registry.handle(message, this.now);
    assert.ok(response);
    assert.equal(response.functionId, responseTo(functionId));
    assert.equal(response.transactionId, 7);
    this.keep();
    return decodeResponse(response.payload);
  }

  /** The same, and it must go well. */
  tell(source: string | undefined, functionId: number, question: Question = {}): ResponseSections {
    const response = this.ask(source, functionId, question);
    assert.equal(response.status, Status.successful);
    return response;
  }

  keep(): void {
    for (const { type, key, record } of this.registry.takeChanges()) {
      if (record === undefined) this.records.delete(`${type} ${key}`);
      else this.records.set(`${type} ${key}`, { type, key, record });
    }
  }

  /** The server ends, and starts anew from what it has kept. */
  restart(): void {
    const kept = Array.from(this.records.values(), ({ type, key, record }) => decodeRecord(type, key, record));
    this.registry = new Registry(this.settings, kept, this.now);
  }

  /** An entity of one node and, with an address, one portal. */
  registerNode(name: string, nodeType: number, address?: string, more: readonly Attribute[] = []): void {
    const portal =
      address === undefined ? [] : [ip(Tag.portalIpAddress, address), number(Tag.portalPort, 3260), ...more];
    const key = [text(Tag.entityIdentifier, `entity of ${name}`)];
    const node = [text(Tag.iscsiName, name), number(Tag.iscsiNodeType, nodeType)];
    this.tell(name, FunctionId.devAttrReg, {
      key,
      operating: [...key, number(Tag.entityProtocol, 2), ...portal, ...node],
    });
  }

  /** The usual pair: an initiator that takes notifications, and a target. */
  registerPair(): void {
    this.registerNode(client, NodeType.initiator, '192.0.2.2', [number(Tag.scnPort, 0x1_0400)]);
    this.registerNode(disk, NodeType.target, '192.0.2.5');
  }

  /** A domain with these members, in a set that is enabled. */
  join(id: number, names: readonly string[], more: readonly Attribute[] = []): void {
    const members = names.map((name) => text(Tag.ddMemberIscsiName, name));
    this.tell(control, FunctionId.ddReg, { operating: [number(Tag.ddId, id), ...members, ...more] });
    this.tell(control, FunctionId.ddsReg, {
      operating: [number(Tag.ddsStatus, DdsStatus.enabled), number(Tag.ddId, id)],
    });
  }

  /** Names of the nodes that a node is shown. */
  namesFor(source: string): string[] {
    const { operating } = this.tell(source, FunctionId.devAttrQry, { operating: [zeroLength(Tag.iscsiName)] });
    return operating.map(textOf).sort();
  }

  /** What is told since this was asked last: who, what, of whom. */
  notices(): { to: string; changes: readonly (readonly [bits: number, name: string])[] }[] {
    return this.registry.takeNotifications(this.now).map(({ payload }) => {
      const [destination, timestamp, ...rest] = decodeAttributes(payload);
      assert.ok(destination && timestamp);
      assert.equal(longOf(timestamp), BigInt(this.now));
      const changes: [number, string][] = [];
      for (const attribute of rest) {
        const last = changes.at(-1);
        if (attribute.tag === Tag.iscsiScnBitmap) changes.push([numberOf(attribute), '']);
        else if (last) last[1] += (last[1] === '' ? '' : ' ') + plain(attribute)[1];
      }
      return { to: textOf(destination), changes };
    });
  }
}

export const number = numberAttribute;
export const text = textAttribute;
export const ip = addressAttribute;
export const nothing = zeroLength;

/** As a test compares it. */
export function plain(attribute: Attribute): [tag: number, value: string | number | null] {
  const { tag, value } = attribute;
  if (value.length === 0) return [tag, null];
  switch (kindOf(tag)?.format) {
    case 'u32':
      return [tag, numberOf(attribute)];
    case 'u64':
      return [tag, Number(longOf(attribute))];
    case 'ip':
      return [tag, addressOf(attribute)];
    case 'text':
    case 'name':
      return [tag, textOf(attribute)];
    default:
      return [tag, Buffer.from(value).toString('hex')];
  }
}
