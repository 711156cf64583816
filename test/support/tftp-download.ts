/** Reads a whole file by TFTP over real sockets. */

import { nodeNetwork } from '../../src/os/node-network.ts';
import { ReadClient, type ReadClientAction, type ReadClientOptions } from '../../src/tftp/index.ts';

export async function download(options: ReadClientOptions): Promise<Uint8Array> {
  const client = new ReadClient(options);
  await using socket = await nodeNetwork.openUdp({ port: 0 });
  const chunks: Uint8Array[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let timer: NodeJS.Timeout | undefined;
  const carryOut = (actions: readonly ReadClientAction[]): void => {
    for (const action of actions) {
      if (action.type === 'send') socket.send(action.data, action.to);
      if (action.type === 'data') chunks.push(action.data);
      if (action.type === 'complete') resolve(Buffer.concat(chunks));
      if (action.type === 'failed') reject(action.error);
    }
    clearTimeout(timer);
    if (client.deadline === undefined) return;
    const delay = Math.max(0, client.deadline - performance.now());
    timer = setTimeout(() => carryOut(client.poll(performance.now())), delay);
  };
  socket.start({
    message: (data, from) => carryOut(client.receive(data, from, performance.now())),
    error: reject,
  });
  carryOut(client.start(performance.now()));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
