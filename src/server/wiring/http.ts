/** HTTP on every served interface, or where it was told to be. */

import { httpApp } from '../http-app.ts';
import { endsOf, HttpService } from '../http-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { type Parts, placesOf } from '../parts.ts';
import { kibibytes } from './size-text.ts';

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
    placeAt: (local) => places.find(({ address }) => address === local) ?? first,
    diskOf: (mac) => machines.diskOf(mac),
    onLoader: (remote, name, size) => {
      const mac = machines.at(remote);
      if (mac !== undefined) trace.step(mac, 'loader', `${name} by HTTP, ${kibibytes(size)}`);
    },
    onScript: (mac, rootPath) => trace.step(mac, 'root-path', `iPXE script by HTTP: root path ${rootPath}`),
  });
  const { address, port } = options.http;
  const ipv4 = address === undefined ? plans.flatMap((plan) => plan.ipv4?.address ?? []) : [address];
  const ipv6 = plans.flatMap((plan) => plan.ipv6?.address ?? []);
  for (const one of [...ipv4, ...ipv6]) opened.use(await HttpService.listen(app, { address: one, port }));
  return opened.move();
}
