/** The machines' targets at somebody else's iSNS server, when one is named. */

import { ISNS_PORT } from '../../isns/pdu.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { IsnsRegistration } from '../isns-registration.ts';
import { type Parts, troubleOf } from '../parts.ts';

export function startIsnsRegistration(parts: Parts, plans: readonly InterfacePlan[]): AsyncDisposable | undefined {
  const { options, platform, machines, emit } = parts;
  if (options.isnsServer === undefined) return undefined;
  const registration = new IsnsRegistration({
    ...platform,
    server: { address: options.isnsServer, port: ISNS_PORT },
    portals: plans.flatMap(servedAddresses).map(({ address }) => ({ address, port: options.iscsiPort })),
    targetNames: () => machines.all().map((mac) => machines.diskOf(mac).targetName),
    onError: (error) => emit(troubleOf('ISNS_FAILED', error)),
  });
  registration.update();
  machines.whenNew(() => registration.update());
  return registration;
}
