/** What each NBD command does to a Device, and which requests are refused before (NBD "Request types", "Error values"). */

import type { View } from '../bytes/index.ts';
import {
  AllocationState,
  Command,
  CommandFlag,
  ErrorValue,
  type RequestHeader,
  TransmissionFlag,
} from '../nbd/protocol.ts';
import type { BlockStatus } from '../nbd/reply.ts';
import type { Request } from '../nbd/request.ts';
import type { ServerAgreement } from '../nbd/server-handshake.ts';
import type { Awaitable, Device, Extent } from './device.ts';

type Header = View<typeof RequestHeader>;

export type NbdResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'data'; readonly data: readonly Uint8Array[] }
  | { readonly kind: 'statuses'; readonly statuses: readonly BlockStatus[] };

export interface NbdRefusal {
  readonly error: ErrorValue;
  readonly message: string;
}

interface CommandRule {
  /** Bits of CommandFlag that mean something here. FUA may be set on any command (NBD "Command flags"). */
  readonly flags: number;
  readonly changes: boolean;
  readonly hasRange: boolean;
  /** Bits of TransmissionFlag without which the client may not ask. */
  readonly needs: number;
}

const rules: Readonly<Record<number, CommandRule>> = {
  [Command.read]: { flags: CommandFlag.dontFragment, changes: false, hasRange: true, needs: 0 },
  [Command.write]: { flags: 0, changes: true, hasRange: true, needs: 0 },
  [Command.flush]: { flags: 0, changes: false, hasRange: false, needs: TransmissionFlag.sendFlush },
  [Command.trim]: { flags: 0, changes: true, hasRange: true, needs: TransmissionFlag.sendTrim },
  [Command.cache]: { flags: 0, changes: false, hasRange: true, needs: TransmissionFlag.sendCache },
  [Command.writeZeroes]: {
    flags: CommandFlag.noHole,
    changes: true,
    hasRange: true,
    needs: TransmissionFlag.sendWriteZeroes,
  },
  [Command.blockStatus]: { flags: CommandFlag.requestOne, changes: false, hasRange: true, needs: 0 },
};

const done: NbdResult = { kind: 'done' };
const nothing: readonly Uint8Array[] = [];
const ZEROS = new Uint8Array(1 << 20);
/** Runs that one answer tells of: a client asks again for the rest. */
const MAX_STATUSES = 4096;

/** Why a request may not be carried out, or undefined when it may. */
export function refuseNbdRequest(
  header: Header,
  { export: served, structuredReplies, allocation }: Extract<ServerAgreement, { kind: 'transmission' }>,
): NbdRefusal | undefined {
  const { command, flags, offset, length } = header;
  const rule = rules[command];
  if (rule === undefined) return invalid(`command ${command} is not known`);
  const { transmissionFlags, blockSize, size } = served;
  const isReadOnly = (transmissionFlags & TransmissionFlag.readOnly) !== 0;
  if (rule.changes && isReadOnly) return { error: ErrorValue.notPermitted, message: 'the export is read-only' };
  if ((transmissionFlags & rule.needs) !== rule.needs) return invalid(`command ${command} is not offered`);
  if (flags & ~(rule.flags | CommandFlag.fua)) return invalid(`command ${command} does not know flags ${flags}`);
  if (flags & CommandFlag.dontFragment && !structuredReplies) return invalid('no structured replies are agreed on');
  if (command === Command.blockStatus && (!allocation || length === 0)) {
    return invalid(allocation ? 'block status of nothing' : 'no metadata context is chosen');
  }
  if (!rule.hasRange) return undefined;
  if (offset + length > size) {
    const error =
      command === Command.write || command === Command.writeZeroes ? ErrorValue.noSpace : ErrorValue.invalid;
    return { error, message: `${length} bytes at ${offset} reach beyond the end at ${size}` };
  }
  if (offset % blockSize.minimum !== 0 || length % blockSize.minimum !== 0) {
    return invalid(`${length} bytes at ${offset} are no whole blocks of ${blockSize.minimum}`);
  }
  if (command === Command.read && length > blockSize.maximum) {
    return { error: ErrorValue.overflow, message: `${length} bytes are more than ${blockSize.maximum}` };
  }
  return undefined;
}

function invalid(message: string): NbdRefusal {
  return { error: ErrorValue.invalid, message };
}

/** Carries out a request that has not been refused. Raises and rejects as the device does. */
export function performNbdRequest(device: Device, { header, data }: Request): Awaitable<NbdResult> {
  const { command, offset, length } = header;
  const fua = (header.flags & CommandFlag.fua) !== 0;
  switch (command) {
    case Command.read: {
      const read = length === 0 ? nothing : device.read(offset, length);
      return read instanceof Promise ? read.then(dataOf) : dataOf(read);
    }
    case Command.write:
      return finished(length === 0 ? undefined : device.write(offset, data, fua ? { fua } : undefined));
    case Command.flush:
      return finished(device.readOnly ? undefined : device.flush());
    case Command.trim:
      return finished(length === 0 ? undefined : trim(device, header, fua));
    case Command.writeZeroes:
      return finished(length === 0 ? undefined : writeZeroes(device, header, fua));
    case Command.cache:
      return cache(device, header);
    default:
      return statuses(device, header);
  }
}

function dataOf(data: readonly Uint8Array[]): NbdResult {
  return { kind: 'data', data };
}

function finished(work: Awaitable<void>): Awaitable<NbdResult> {
  return work instanceof Promise ? work.then(() => done) : done;
}

async function trim(device: Device, { offset, length }: Header, fua: boolean): Promise<void> {
  await device.unmap(offset, length);
  if (fua) await device.flush();
}

/** NBD_CMD_FLAG_NO_HOLE asks for blocks that a later write will find room for: real zeros are written then. */
function writeZeroes(device: Device, { offset, length, flags }: Header, fua: boolean): Awaitable<void> {
  if ((flags & CommandFlag.noHole) === 0) return device.writeZeroes(offset, length, fua ? { fua } : undefined);
  return fill(device, offset, length, fua);
}

async function fill(device: Device, offset: number, length: number, fua: boolean): Promise<void> {
  for (let at = offset; at < offset + length; at += ZEROS.length) {
    await device.write(at, [ZEROS.subarray(0, Math.min(ZEROS.length, offset + length - at))]);
  }
  if (fua) await device.flush();
}

/** Reads what will be wanted soon, so that caches below have it. */
async function cache(device: Device, { offset, length }: Header): Promise<NbdResult> {
  for (let at = offset; at < offset + length; at += ZEROS.length) {
    await device.read(at, Math.min(ZEROS.length, offset + length - at));
  }
  return done;
}

function statuses(device: Device, header: Header): Awaitable<NbdResult> {
  const extents = device.extents(header.offset, header.length);
  return extents instanceof Promise ? extents.then((all) => statusesOf(all, header)) : statusesOf(extents, header);
}

function statusesOf(extents: readonly Extent[], { flags }: Header): NbdResult {
  const count = flags & CommandFlag.requestOne ? 1 : MAX_STATUSES;
  const found = extents.slice(0, count).map(({ length, allocated, zero }) => ({
    length,
    flags: (allocated ? 0 : AllocationState.hole) | (zero ? AllocationState.zero : 0),
  }));
  return { kind: 'statuses', statuses: found };
}
