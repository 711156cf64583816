/** Mode parameters (SPC-4 §7.5, SBC-3 §6.5): headers, the block descriptor, and the pages of a disk. */

import { bits, flag, layout, u8, u16, u24, u32 } from '../bytes/index.ts';

export const ModePageCode = {
  caching: 0x08,
  control: 0x0a,
  informationalExceptionsControl: 0x1c,
  all: 0x3f,
} as const;

/** PAGE CONTROL: which values MODE SENSE asks for (SPC-4 table 166). */
export const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;

/** SPC-4 §7.5.6. DEVICE-SPECIFIC PARAMETER is that of a direct access block device (SBC-3 §6.5.1). */
export const ModeHeader6 = layout('mode parameter header(6)', 4, {
  modeDataLength: u8(0),
  mediumType: u8(1),
  writeProtected: flag(2, 7),
  dpoFuaSupported: flag(2, 4),
  blockDescriptorLength: u8(3),
});

export const ModeHeader10 = layout('mode parameter header(10)', 8, {
  modeDataLength: u16(0),
  mediumType: u8(2),
  writeProtected: flag(3, 7),
  dpoFuaSupported: flag(3, 4),
  longLba: flag(4, 0),
  blockDescriptorLength: u16(6),
});

/** SBC-3 §6.5.2.2; a number of blocks that does not fit is all ones. */
export const ShortBlockDescriptor = layout('short LBA mode parameter block descriptor', 8, {
  numberOfLogicalBlocks: u32(0),
  logicalBlockLength: u24(5),
});

/** SBC-3 §6.5.5 */
export const CachingPage = layout('Caching mode page', 20, {
  pageCode: bits(0, 0, 6),
  pageLength: u8(1),
  writeCacheEnable: flag(2, 2),
  readCacheDisable: flag(2, 0),
});

/** SPC-4 §7.5.8 */
export const ControlPage = layout('Control mode page', 12, {
  pageCode: bits(0, 0, 6),
  pageLength: u8(1),
  taskSetType: bits(2, 5, 3),
  descriptorSense: flag(2, 2),
  queueAlgorithmModifier: bits(3, 4, 4),
  queueErrorManagement: bits(3, 1, 2),
  softwareWriteProtect: flag(4, 3),
  busyTimeoutPeriod: u16(8),
});

/** SPC-4 §7.5.12 */
export const InformationalExceptionsPage = layout('Informational Exceptions Control mode page', 12, {
  pageCode: bits(0, 0, 6),
  pageLength: u8(1),
  disableExceptionControl: flag(2, 3),
  methodOfReporting: bits(3, 0, 4),
});

/** What of a logical unit's mode parameters can change. */
export interface ModeState {
  /** D_SENSE: sense data in descriptor format. */
  readonly descriptorSense: boolean;
  /** SWP */
  readonly softwareWriteProtect: boolean;
}

export const defaultModeState: ModeState = { descriptorSense: false, softwareWriteProtect: false };

interface PageSource {
  readonly writeCache: boolean;
}

/** QUEUE ALGORITHM MODIFIER 1: commands of the SIMPLE attribute may be reordered. */
const UNRESTRICTED_REORDERING = 1;

/** Page code to the page's bytes under a page control; ascending, as MODE SENSE must return them (SPC-4 §6.11.1). */
const pages: ReadonlyMap<number, (control: number, state: ModeState, source: PageSource) => Uint8Array> = new Map([
  [
    ModePageCode.caching,
    (control: number, _state: ModeState, source: PageSource) =>
      CachingPage.encode({
        pageCode: ModePageCode.caching,
        pageLength: CachingPage.size - 2,
        writeCacheEnable: control !== PageControl.changeable && source.writeCache,
      }),
  ],
  [
    ModePageCode.control,
    (control: number, state: ModeState) => {
      const header = { pageCode: ModePageCode.control, pageLength: ControlPage.size - 2 };
      if (control === PageControl.changeable) {
        return ControlPage.encode({ ...header, descriptorSense: true, softwareWriteProtect: true });
      }
      const values = control === PageControl.default ? defaultModeState : state;
      return ControlPage.encode({ ...header, ...values, queueAlgorithmModifier: UNRESTRICTED_REORDERING });
    },
  ],
  [
    ModePageCode.informationalExceptionsControl,
    () =>
      InformationalExceptionsPage.encode({
        pageCode: ModePageCode.informationalExceptionsControl,
        pageLength: InformationalExceptionsPage.size - 2,
      }),
  ],
]);

/** The pages that MODE SENSE asks for, one after the other; undefined when there is no such page. */
export function encodeModePages(
  pageCode: number,
  subpageCode: number,
  control: number,
  state: ModeState,
  source: PageSource,
): Uint8Array | undefined {
  const everySubpage = 0xff;
  if (subpageCode !== 0 && subpageCode !== everySubpage) return undefined;
  const wanted = [...pages].filter(([code]) => pageCode === ModePageCode.all || code === pageCode);
  if (wanted.length === 0) return undefined;
  return Uint8Array.from(wanted.flatMap(([, encode]) => [...encode(control, state, source)]));
}

/**
 * What a MODE SELECT's pages make of `state`. `invalid` is the byte of `list` at which they ask for something that cannot change
 * (SPC-4 §6.9); `truncated` when a page is longer than the list.
 */
export function applyModePages(
  list: Uint8Array,
  state: ModeState,
  source: PageSource,
): { readonly state: ModeState } | { readonly invalid: number } | { readonly truncated: true } {
  let next = state;
  for (let at = 0; at < list.length; ) {
    const code = (list[at] ?? 0) & 0x3f;
    const encode = pages.get(code);
    if (encode === undefined) return { invalid: at };
    const current = encode(PageControl.current, next, source);
    const changeable = encode(PageControl.changeable, next, source);
    if (at + current.length > list.length) return { truncated: true };
    for (let byte = 1; byte < current.length; byte++) {
      const fixed = byte === 1 ? 0xff : ~(changeable[byte] ?? 0) & 0xff;
      if ((((list[at + byte] ?? 0) ^ (current[byte] ?? 0)) & fixed) !== 0) return { invalid: at + byte };
    }
    if (code === ModePageCode.control) {
      const { descriptorSense, softwareWriteProtect } = ControlPage.view(list, at);
      next = { descriptorSense, softwareWriteProtect };
    }
    at += current.length;
  }
  return { state: next };
}
