/** HTTP on every served interface, or where it was told to be. */

import { httpApp } from '../http-app.ts';
import { endsOf, HttpService } from '../http-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { type Parts, placeOf } from '../parts.ts';
import { kibibytes } from './size-text.ts';

export async function startHttp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable> {
  const { options, loaders, machines, trace } = parts;
  await using opened = new AsyncDisposableStack();
  const [first] = plans;
  if (first === undefined) return opened.move();
  const app = httpApp({
    loaders,
    endsOf,
    placeAt: (address) => placeOf(options, plans.find((plan) => plan.address === address) ?? first),
    diskOf: (mac) => machines.diskOf(mac),
    onLoader: (remote, name, size) => {
      const mac = machines.at(remote);
      if (mac !== undefined) trace.step(mac, 'loader', `${name} by HTTP, ${kibibytes(size)}`);
    },
    onScript: (mac, rootPath) => trace.step(mac, 'root-path', `iPXE script by HTTP: root path ${rootPath}`),
  });
  const { address, port } = options.http;
  const addresses = address === undefined ? plans.map((plan) => plan.address) : [address];
  for (const one of addresses) opened.use(await HttpService.listen(app, { address: one, port }));
  return opened.move();
}
