/**
 * The machines' targets in the iSNS database: one entity with all of them, and for each machine a discovery domain with its target and
 * the initiators that it asks as. The domain is a boot list (RFC 4171 §6.11.2.9), so that a machine to which DHCP has named no target
 * finds its own.
 */

import type { MacAddress } from '../bytes/index.ts';
import {
  type Attribute,
  addressAttribute,
  findNumber,
  numberAttribute,
  textAttribute,
  zeroLength,
} from '../isns/attribute.ts';
import { DdFeature, DdsStatus } from '../isns/bitmap.ts';
import type { ResponseSections } from '../isns/message.ts';
import { FunctionId } from '../isns/pdu.ts';
import type { AdministrativeRequest } from '../isns/registry/registry.ts';
import { describeStatus, Status } from '../isns/status.ts';
import { Tag } from '../isns/tag.ts';
import type { Endpoint } from '../os/network.ts';
import type { IsnsAsker } from './isns-service.ts';
import { portalAttributes, targetEntity } from './isns-target-entity.ts';
import type { Machines } from './machines.ts';

const ENTITY = 'diskless';
const DOMAIN_SET = 'diskless boot lists';
/** Seconds: the server's own registration lasts as long as the server. */
const FOR_EVER = 0xffff_ffff;
/** Initiators that are remembered of a machine: its firmware's, its boot client's, its system's. */
const MOST_INITIATORS = 16;

interface BootList {
  readonly domain: number;
  readonly initiators: Set<string>;
  portal: string | undefined;
}

export interface IsnsBootListsOptions {
  readonly machines: Machines;
  readonly portals: readonly Endpoint[];
  readonly administer: (request: AdministrativeRequest) => ResponseSections;
  /** Hears of what the registry refuses. */
  readonly onRefused: (text: string) => void;
}

export class IsnsBootLists {
  readonly #options: IsnsBootListsOptions;
  readonly #lists = new Map<MacAddress, BootList>();
  #domainSet: number | undefined;

  constructor(options: IsnsBootListsOptions) {
    this.#options = options;
  }

  /** Registers everything that is known. What others have registered under our names gives way. */
  start(): void {
    const { machines } = this.#options;
    this.#domainSet = this.#findSet();
    this.#registerTargets(machines.all(), true);
    for (const mac of machines.all()) this.#open(mac);
  }

  /** A machine that is new in the fleet, if it has not been one that asked before. */
  add(mac: MacAddress): void {
    if (this.#lists.has(mac)) return;
    this.#registerTargets([mac], false);
    this.#open(mac);
  }

  /** Whoever asks from a machine's address, or by the name that it was given, is that machine: as with SendTargets. */
  admit({ source, remote, local }: IsnsAsker): void {
    const { machines } = this.#options;
    for (const targetName of machines.targetsFor(source, remote)) {
      const mac = machines.byTargetName(targetName);
      if (mac === undefined) continue;
      this.add(mac);
      const list = this.#lists.get(mac);
      if (list === undefined) continue;
      this.#addInitiator(list, source);
      this.#usePortal(list, local);
    }
  }

  #registerTargets(macs: readonly MacAddress[], replace: boolean): void {
    const { machines, portals } = this.#options;
    const names = macs.map((mac) => machines.diskOf(mac).targetName);
    const lasting = [numberAttribute(Tag.registrationPeriod, FOR_EVER)];
    const request: AdministrativeRequest = {
      functionId: FunctionId.devAttrReg,
      replace,
      ...targetEntity(ENTITY, portals, names, lasting),
    };
    const { administer } = this.#options;
    if (administer(request).status === Status.successful) return;
    const taken = [
      ...names.map((name) => textAttribute(Tag.iscsiName, name)),
      ...(replace ? portals.flatMap(portalAttributes) : []),
    ];
    administer({ functionId: FunctionId.devDereg, operating: taken });
    this.#require(administer(request), 'the targets');
  }

  #findSet(): number | undefined {
    const name = textAttribute(Tag.ddsSymbolicName, DOMAIN_SET);
    const wanted = [zeroLength(Tag.ddsId)];
    const found = this.#options.administer({ functionId: FunctionId.devAttrQry, key: [name], operating: wanted });
    const status = numberAttribute(Tag.ddsStatus, DdsStatus.enabled);
    const id = findNumber(found.operating, Tag.ddsId);
    const key = id === undefined ? [] : [numberAttribute(Tag.ddsId, id)];
    const operating = id === undefined ? [name, status] : [status];
    const made = this.#require(
      this.#options.administer({ functionId: FunctionId.ddsReg, key, operating }),
      'the boot lists',
    );
    return made === undefined ? undefined : findNumber(made.operating, Tag.ddsId);
  }

  /** The machine's boot list, made when there is none yet. */
  #open(mac: MacAddress): void {
    const { administer, machines } = this.#options;
    const { targetName, initiatorName } = machines.diskOf(mac);
    const name = textAttribute(Tag.ddSymbolicName, `boot ${mac}`);
    const found = administer({ functionId: FunctionId.devAttrQry, key: [name], operating: [zeroLength(Tag.ddId)] });
    const id = findNumber(found.operating, Tag.ddId);
    const key = id === undefined ? [] : [numberAttribute(Tag.ddId, id)];
    const request = {
      functionId: FunctionId.ddReg,
      key,
      operating: [
        ...(id === undefined ? [name] : []),
        numberAttribute(Tag.ddFeatures, DdFeature.bootList),
        ...[targetName, initiatorName].map((member) => textAttribute(Tag.ddMemberIscsiName, member)),
      ],
    };
    const domain = findNumber(this.#require(administer(request), `the boot list of ${mac}`)?.operating ?? [], Tag.ddId);
    if (domain === undefined || this.#domainSet === undefined) return;
    const set = { key: [numberAttribute(Tag.ddsId, this.#domainSet)], operating: [numberAttribute(Tag.ddId, domain)] };
    this.#require(administer({ functionId: FunctionId.ddsReg, ...set }), `the boot list of ${mac}`);
    this.#lists.set(mac, { domain, initiators: new Set([initiatorName]), portal: undefined });
  }

  #addInitiator(list: BootList, name: string): void {
    if (list.initiators.has(name)) return;
    const member = [textAttribute(Tag.ddMemberIscsiName, name)];
    if (!this.#change(FunctionId.ddReg, list, member)) return;
    list.initiators.add(name);
    // The first is the name that the machine was given.
    const [, oldest] = list.initiators;
    if (list.initiators.size <= MOST_INITIATORS || oldest === undefined) return;
    list.initiators.delete(oldest);
    this.#change(FunctionId.ddDereg, list, [textAttribute(Tag.ddMemberIscsiName, oldest)]);
  }

  /** Interfaces are often networks of their own: the machine is only told of the portal on its own (RFC 4171 §2.2.2). */
  #usePortal(list: BootList, local: string): void {
    const portal = this.#options.portals.find(({ address }) => address === local);
    if (portal === undefined || list.portal === local) return;
    const others = this.#options.portals.filter((other) => other !== portal);
    const gone = others.flatMap(({ address, port }) => memberPortal(address, port));
    if (gone.length > 0) this.#change(FunctionId.ddDereg, list, gone);
    if (this.#change(FunctionId.ddReg, list, memberPortal(portal.address, portal.port))) list.portal = local;
  }

  #change(functionId: number, { domain }: BootList, operating: readonly Attribute[]): boolean {
    const key = [numberAttribute(Tag.ddId, domain)];
    return this.#options.administer({ functionId, key, operating }).status === Status.successful;
  }

  #require(response: ResponseSections, what: string): ResponseSections | undefined {
    if (response.status === Status.successful) return response;
    this.#options.onRefused(`${what} could not be registered with iSNS: ${describeStatus(response.status)}`);
    return undefined;
  }
}

function memberPortal(address: string, port: number): Attribute[] {
  return [addressAttribute(Tag.ddMemberPortalIpAddress, address), numberAttribute(Tag.ddMemberPortalPort, port)];
}
