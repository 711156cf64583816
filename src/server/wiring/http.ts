/** HTTP on every served interface, or where it was told to be. */

import type { DiskPlace } from '../boot-policy.ts';
import { httpApp } from '../http-app.ts';
import { endsOf, HttpService } from '../http-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { ipv6PlaceOf, type Parts, placeOf } from '../parts.ts';
import { kibibytes } from './size-text.ts';

export async function startHttp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable> {
  const { options, loaders, machines, trace } = parts;
  await using opened = new AsyncDisposableStack();
  const [first] = plans;
  if (first === undefined) return opened.move();
  const app = httpApp({
    loaders,
    endsOf,
    placeAt: (address) => diskPlaceAt(parts, plans, address) ?? placeOf(options, first),
    diskOf: (mac) => machines.diskOf(mac),
    onLoader: (remote, name, size) => {
      const mac = machines.at(remote);
      if (mac !== undefined) trace.step(mac, 'loader', `${name} by HTTP, ${kibibytes(size)}`);
    },
    onScript: (mac, rootPath) => trace.step(mac, 'root-path', `iPXE script by HTTP: root path ${rootPath}`),
  });
  const { address, port } = options.http;
  const ipv4 = address === undefined ? plans.map((plan) => plan.address) : [address];
  const ipv6 = plans.flatMap((plan) => plan.ipv6?.address ?? []);
  for (const one of [...ipv4, ...ipv6]) opened.use(await HttpService.listen(app, { address: one, port }));
  return opened.move();
}

/** Where the disk is for machines that reached this address of the server. */
function diskPlaceAt({ options }: Parts, plans: readonly InterfacePlan[], address: string): DiskPlace | undefined {
  for (const plan of plans) {
    if (plan.address === address) return placeOf(options, plan);
    if (plan.ipv6?.address === address) return ipv6PlaceOf(options, plan.ipv6);
  }
  return undefined;
}
