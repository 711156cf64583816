/** HTTP on every served interface, or where it was told to be. */

import { isIpv4, kibibytes } from '../../bytes/index.ts';
import { httpApp } from '../http-app.ts';
import { endsOf, HttpService } from '../http-service.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { type Parts, placesOf } from '../parts.ts';

export async function startHttp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable> {
  const { options, loaders, machines, trace } = parts;
  await using opened = new AsyncDisposableStack();
  const places = plans.flatMap((plan) => placesOf(options, plan));
  const [first] = places;
  if (first === undefined) return opened.move();
  const app = httpApp({
    loaders,
    endsOf,
    // Where HTTP was told to be, it may be reached at an address that is no interface's.
    placeAt: (local) =>
      places.find(({ address }) => address === local) ??
      places.find(({ address }) => isIpv4(address) === isIpv4(local)) ??
      first,
    diskOf: (mac) => machines.diskOf(mac),
    onLoader: (remote, name, size) => {
      const mac = machines.at(remote);
      if (mac !== undefined) trace.step(mac, 'loader', `${name} by HTTP, ${kibibytes(size)}`);
    },
    onScript: (mac, rootPath) => trace.step(mac, 'root-path', `iPXE script by HTTP: root path ${rootPath}`),
  });
  const { address, port } = options.http;
  const own = plans.flatMap(servedAddresses).map((served) => served.address);
  const all = address === undefined ? own : [address, ...own.filter((one) => isIpv4(one) !== isIpv4(address))];
  for (const one of all) opened.use(await HttpService.listen(app, { address: one, port }));
  return opened.move();
}
