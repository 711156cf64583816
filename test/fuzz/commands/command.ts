/** What one command asks for, as its generator means it: `cdb.ts` writes it down, and the model says what has to come of it. */

export const BLOCK = 512;
export const UNIT_BLOCKS = 64;

/** Bytes of a CDB. */
export type Form = 6 | 10 | 12 | 16 | 32;

/** `data` goes out; up to `room` bytes may come in. At most one of them is not empty. */
interface Transfer {
  readonly data: Buffer;
  readonly room: number;
}

export type BlockKind =
  | 'read'
  | 'write'
  | 'verify'
  | 'write and verify'
  | 'write same'
  | 'compare and write'
  | 'orwrite'
  | 'write atomic'
  | 'synchronize cache'
  | 'pre-fetch'
  | 'get lba status';

/** A command of SBC-3 about a range of blocks. What a kind has no field for is 0. */
export interface BlockCommand extends Transfer {
  readonly kind: BlockKind;
  readonly form: Form;
  /** Up to 2^64 - 1 where the form has room for it. */
  readonly lba: bigint;
  readonly blocks: number;
  /** RDPROTECT, WRPROTECT, VRPROTECT */
  readonly protect: number;
  readonly forceUnitAccess: boolean;
  /** BYTCHK */
  readonly byteCheck: number;
  readonly anchor: boolean;
  readonly unmap: boolean;
  /** NDOB */
  readonly noDataOut: boolean;
  /** ATOMIC BOUNDARY */
  readonly boundary: number;
  /** BMOP, and EXPECTED ORWGENERATION, of ORWRITE(32). */
  readonly bitmapOperation: number;
  readonly generation: number;
}

/** `data` is the parameter list, which may have been cut short. */
export interface UnmapCommand extends Transfer {
  readonly kind: 'unmap';
  readonly anchor: boolean;
  readonly ranges: readonly { readonly lba: bigint; readonly blocks: number }[];
}

export type ReserveOutAction =
  | 'register'
  | 'reserve'
  | 'release'
  | 'clear'
  | 'preempt'
  | 'preempt and abort'
  | 'register and ignore'
  | 'register and move';

/** PERSISTENT RESERVE OUT. Ports are the numbers of initiator ports, or FIRST_INITIATOR. */
export interface ReserveOutCommand extends Transfer {
  readonly kind: 'reserve out';
  readonly action: ReserveOutAction;
  readonly scope: number;
  readonly type: number;
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  /** APTPL */
  readonly persist: boolean;
  readonly allTargetPorts: boolean;
  /** What SPEC_I_PT is set for; undefined without that bit. */
  readonly ports: readonly number[] | undefined;
  /** Of REGISTER AND MOVE. */
  readonly unregister: boolean;
  readonly destination: number;
  readonly relativeTargetPort: number;
  /** The list is longer or shorter than it says. */
  readonly hasWrongLength: boolean;
}

export interface ReserveInCommand extends Transfer {
  readonly kind: 'reserve in';
  readonly action: 'read keys' | 'read reservation' | 'report capabilities' | 'read full status';
}

/** RESERVE(6) and RELEASE(6) of SPC-2. */
export interface Reserve6Command extends Transfer {
  readonly kind: 'reserve' | 'release';
  readonly thirdParty: boolean;
}

export type ModePage =
  | { readonly page: 'caching'; readonly writeCache: boolean }
  | { readonly page: 'control'; readonly descriptorSense: boolean; readonly softwareWriteProtect: boolean };

export interface ModeSelectCommand extends Transfer {
  readonly kind: 'mode select';
  readonly form: 6 | 10;
  readonly pageFormat: boolean;
  readonly savePages: boolean;
  readonly mode: ModePage;
  /** The block descriptor before the page: with the length that blocks have, or another. */
  readonly blockDescriptor: 'none' | 'right' | 'wrong';
  /** The page sets a bit that cannot change: the last of it. */
  readonly setsFixedBit: boolean;
  /** The list ends in the middle of the page. */
  readonly isCut: boolean;
}

export interface ModeSenseCommand extends Transfer {
  readonly kind: 'mode sense';
  readonly form: 6 | 10;
  /** PC */
  readonly control: number;
  readonly pageCode: number;
  readonly disableBlockDescriptors: boolean;
}

export interface RequestSenseCommand extends Transfer {
  readonly kind: 'request sense';
  readonly descriptorFormat: boolean;
}

export interface PreventCommand extends Transfer {
  readonly kind: 'prevent allow';
  /** 0 to 3 */
  readonly prevent: number;
}

/** What needs no more than its CDB, and what it is to be told for. */
export interface PlainCommand extends Transfer {
  readonly kind:
    | 'inquiry'
    | 'report luns'
    | 'test unit ready'
    | 'read capacity'
    | 'log sense'
    | 'reset log'
    | 'read buffer'
    | 'read defect data'
    | 'report supported'
    | 'report target port groups'
    | 'send diagnostic'
    | 'start'
    | 'stop';
  readonly cdb: Buffer;
}

/** A command that no unit here has. */
export interface UnknownCommand extends Transfer {
  readonly kind: 'unknown';
  readonly cdb: Buffer;
  /** The operation code is known, but not that service action of it. */
  readonly isServiceAction: boolean;
}

export type Command =
  | BlockCommand
  | UnmapCommand
  | ReserveOutCommand
  | ReserveInCommand
  | Reserve6Command
  | ModeSelectCommand
  | ModeSenseCommand
  | RequestSenseCommand
  | PreventCommand
  | PlainCommand
  | UnknownCommand;
