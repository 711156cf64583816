/** iSNS on every served interface, with the machines' boot lists in it. */

import { inIpNetwork, parseIpNetwork } from '../../bytes/index.ts';
import { parseIscsiName } from '../../iscsi/name.ts';
import { ISNS_PORT } from '../../isns/pdu.ts';
import { decodeRecord } from '../../isns/registry/record.ts';
import { Registry } from '../../isns/registry/registry.ts';
import { defaultRegistrySettings } from '../../isns/registry/settings.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { IsnsBootLists } from '../isns-boot-lists.ts';
import { type IsnsAsker, IsnsService } from '../isns-service.ts';
import { type Parts, troubleOf } from '../parts.ts';

/** Raises ISNS_STATE_CORRUPT, and what listening raises. */
export async function startIsns(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable | undefined> {
  const { options, platform, store, machines, emit } = parts;
  if (!options.isns) return undefined;
  const settings = {
    ...defaultRegistrySettings,
    parseName: parseIscsiName,
    controlNodes: new Set<string>(options.isnsControlNodes),
  };
  const records = store.isns.all().map(({ type, key, record }) => decodeRecord(type, key, record));
  const registry = new Registry(settings, records, Math.floor(platform.clock.now() / 1000));
  const served = plans.flatMap(servedAddresses);
  const networks = served.map(({ address, network }) => ({ address, network: parseIpNetwork(network) }));
  let admit: (asker: IsnsAsker) => void = () => {};
  const service = await IsnsService.listen({
    ...platform,
    addresses: served.map(({ address }) => address),
    port: ISNS_PORT,
    registry,
    records: store.isns,
    localAddressFor: (remote) => networks.find(({ network }) => inIpNetwork(remote, network))?.address,
    onAsker: (asker) => admit(asker),
    onError: (error) => emit(troubleOf('ISNS_FAILED', error)),
  });
  const bootLists = new IsnsBootLists({
    machines,
    portals: served.map(({ address }) => ({ address, port: options.iscsiPort })),
    administer: (request) => service.administer(request),
    onRefused: (text) => emit({ event: 'trouble', code: 'ISNS_FAILED', text }),
  });
  bootLists.start();
  admit = (asker) => bootLists.admit(asker);
  machines.whenNew((mac) => bootLists.add(mac));
  return service;
}
