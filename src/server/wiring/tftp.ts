/** TFTP on every served interface. */

import { kibibytes } from '../../bytes/index.ts';
import type { Endpoint } from '../../os/network.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { type Parts, troubleOf } from '../parts.ts';
import { TftpService, type TftpTransfer } from '../tftp-service.ts';

export async function startTftp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable> {
  const { platform, loaders, options, emit } = parts;
  await using opened = new AsyncDisposableStack();
  for (const { address } of plans.flatMap(servedAddresses)) {
    const service = await TftpService.listen({
      ...platform,
      loaders,
      address,
      port: options.tftpPort,
      onTransfer: (transfer) => observeTransfer(parts, transfer),
      onRefused: (client, fileName, reason) => observeRefusal(parts, client, fileName, reason),
      onError: (error) => emit(troubleOf('TFTP_FAILED', error)),
    });
    opened.use(service);
  }
  return opened.move();
}

function observeTransfer({ machines, trace, emit }: Parts, transfer: TftpTransfer): void {
  const { client, fileName, size, duration, outcome } = transfer;
  // A PXE ROM asks for a file, learns its size and aborts on purpose; the real transfer follows.
  if (outcome.type === 'aborted') return;
  const mac = machines.at(client.address);
  if (outcome.type === 'complete') {
    const text = `${fileName} by TFTP, ${kibibytes(size)} in ${(duration / 1000).toFixed(1)} s`;
    if (mac !== undefined) trace.step(mac, 'loader', text);
    return;
  }
  const reason = outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
  if (mac !== undefined) trace.step(mac, 'lost', `${fileName} by TFTP failed: ${reason}`);
  else emit(troubleOf('TFTP_FAILED', outcome.error));
}

function observeRefusal(parts: Parts, client: Endpoint, fileName: string | undefined, reason: string): void {
  const text = `${client.address} asked by TFTP for ${fileName ?? 'nothing that can be read'} and was refused: ${reason}`;
  parts.emit({ event: 'trouble', code: 'TFTP_REFUSED', text });
}
