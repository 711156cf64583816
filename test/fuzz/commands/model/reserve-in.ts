/** What PERSISTENT RESERVE IN answers (SPC-4). */

import type { ReserveInCommand } from '../command.ts';
import type { Expected } from '../expected.ts';
import { transportId } from '../ports.ts';
import { isAllRegistrants } from './reservation-type.ts';

/** The reservations as they are. */
export interface ReservationsView {
  readonly generation: number;
  readonly keys: ReadonlyMap<number, bigint>;
  readonly reservation: { readonly type: number; readonly holder: number } | undefined;
  isHolder(port: number): boolean;
}

/** Persistence through power loss: PTPL_C and PTPL_A. */
export interface Persistence {
  readonly canPersist: boolean;
  readonly persists: boolean;
}

export function reserveInAnswer(
  action: ReserveInCommand['action'],
  view: ReservationsView,
  persistence: Persistence,
): Expected {
  switch (action) {
    case 'report capabilities':
      return { kind: 'list', head: capabilities(persistence), entries: [] };
    case 'read keys':
      return list(view, [...view.keys.values()].map(u64));
    case 'read reservation':
      return list(view, view.reservation === undefined ? [] : [descriptor(view, view.reservation)]);
    case 'read full status':
      return list(
        view,
        [...view.keys].map(([port, key]) => fullStatus(view, port, key)),
      );
  }
}

/** All types, with CRH, SIP_C, ATP_C and ALLOW COMMANDS 011b. */
function capabilities({ canPersist, persists }: Persistence): Buffer {
  return Buffer.from([0, 8, 0x1c | Number(canPersist), 0xb0 | Number(persists), 0xea, 0x01, 0, 0]);
}

function list({ generation }: ReservationsView, entries: readonly Buffer[]): Expected {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(generation, 0);
  head.writeUInt32BE(Buffer.concat(entries).length, 4);
  return { kind: 'list', head, entries };
}

function descriptor({ keys }: ReservationsView, { type, holder }: { type: number; holder: number }): Buffer {
  const key = isAllRegistrants(type) ? 0n : (keys.get(holder) ?? 0n);
  return Buffer.concat([u64(key), Buffer.from([0, 0, 0, 0, 0, type, 0, 0])]);
}

function fullStatus(view: ReservationsView, port: number, key: bigint): Buffer {
  const holds = view.isHolder(port);
  const head = Buffer.alloc(24);
  const id = transportId(port);
  head.writeBigUInt64BE(key);
  head[12] = Number(holds);
  head[13] = holds ? (view.reservation?.type ?? 0) : 0;
  head.writeUInt16BE(1, 18);
  head.writeUInt32BE(id.length, 20);
  return Buffer.concat([head, id]);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
