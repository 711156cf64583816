/** TFTP on one address: the well-known port, and a socket of its own for each transfer (RFC 1350 §4: its transfer identifier). */

import type { Ipv4Address, Ipv6Address } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network, UdpSocket } from '../os/network.ts';
import type { TransferOutcome } from '../tftp/read-transfer.ts';
import { type AcceptedTransfer, TftpServer, unknownTransferId } from '../tftp/server.ts';
import { DeadlineWheel, type WithDeadline } from './deadline-wheel.ts';
import type { Loaders } from './loaders.ts';

export interface TftpServiceOptions {
  readonly address: Ipv4Address | Ipv6Address;
  readonly port: number;
  readonly network: Network;
  readonly clock: Clock;
  readonly loaders: Loaders;
  readonly onTransfer: (transfer: TftpTransfer) => void;
  readonly onRefused: (client: Endpoint, fileName: string | undefined, reason: string) => void;
  readonly onError: (error: unknown) => void;
}

/** A transfer that has ended. */
export interface TftpTransfer {
  readonly client: Endpoint;
  readonly fileName: string;
  readonly size: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly outcome: TransferOutcome;
}

class RunningTransfer implements WithDeadline {
  readonly accepted: AcceptedTransfer;
  readonly socket: UdpSocket;
  readonly started: number;

  constructor(accepted: AcceptedTransfer, socket: UdpSocket, started: number) {
    this.accepted = accepted;
    this.socket = socket;
    this.started = started;
  }

  get deadline(): number | undefined {
    return this.accepted.transfer.deadline;
  }
}

export class TftpService {
  readonly #options: TftpServiceOptions;
  readonly #server: TftpServer;
  readonly #socket: UdpSocket;
  readonly #running = new Map<AcceptedTransfer, RunningTransfer>();
  readonly #deadlines: DeadlineWheel<RunningTransfer>;
  #closed = false;

  private constructor(options: TftpServiceOptions, socket: UdpSocket) {
    this.#options = options;
    this.#socket = socket;
    this.#server = new TftpServer({ open: (name) => this.#open(name) });
    this.#deadlines = new DeadlineWheel(options.clock, (running) => {
      this.#advance(running, running.accepted.transfer.poll(options.clock.monotonic()));
    });
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async listen(options: TftpServiceOptions): Promise<TftpService> {
    const { address, port, network, onError } = options;
    const socket = await network.openUdp({ address, port });
    const service = new TftpService(options, socket);
    socket.start({ message: (data, from) => void service.#receive(data, from).catch(onError), error: onError });
    return service;
  }

  #open(name: string) {
    const bytes = this.#options.loaders.get(name)?.bytes;
    if (bytes === undefined) return undefined;
    return { size: bytes.length, read: (offset: number, length: number) => bytes.subarray(offset, offset + length) };
  }

  async #receive(data: Uint8Array, from: Endpoint): Promise<void> {
    const answer = await this.#server.receive(data, from);
    if (answer.type === 'refused') {
      this.#socket.send(answer.data, from);
      this.#options.onRefused(from, answer.fileName, answer.reason);
    } else if (answer.type === 'transfer') {
      const replaced = answer.replaces && this.#running.get(answer.replaces);
      if (replaced !== undefined) await this.#discard(replaced);
      await this.#run(answer.accepted);
    }
  }

  async #run(accepted: AcceptedTransfer): Promise<void> {
    const { network, clock, address } = this.#options;
    const socket = await network.openUdp({ address, port: 0 }).catch((error) => {
      this.#server.finished(accepted);
      throw error;
    });
    const running = new RunningTransfer(accepted, socket, clock.monotonic());
    this.#running.set(accepted, running);
    socket.start({
      message: (data, from) => {
        const isClient = from.address === accepted.client.address && from.port === accepted.client.port;
        if (isClient) this.#advance(running, accepted.transfer.receive(data, clock.monotonic()));
        else socket.send(unknownTransferId(), from);
      },
      // A client that is gone answers with ICMP; the transfer's own timeout ends it.
      error: () => {},
    });
    if (this.#closed) {
      await this.#discard(running);
      return;
    }
    this.#advance(running, accepted.transfer.start(clock.monotonic()));
    this.#deadlines.add(running);
  }

  #advance(running: RunningTransfer, packets: readonly Uint8Array[]): void {
    const { accepted, socket, started } = running;
    const { clock, onTransfer, onError } = this.#options;
    for (const packet of packets) socket.send(packet, accepted.client);
    const { outcome } = accepted.transfer;
    if (outcome === undefined) return;
    const duration = clock.monotonic() - started;
    this.#discard(running).catch(onError);
    onTransfer({ client: accepted.client, fileName: accepted.fileName, size: accepted.size, duration, outcome });
  }

  async #discard(running: RunningTransfer): Promise<void> {
    if (!this.#running.delete(running.accepted)) return;
    this.#server.finished(running.accepted);
    await running.socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#deadlines.close();
    await this.#socket.close();
    await Promise.all([...this.#running.values()].map((running) => this.#discard(running)));
  }
}
