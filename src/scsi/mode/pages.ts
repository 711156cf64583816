/** What the mode pages of a unit say, and what of it initiators can change (SPC-4, MODE SENSE and MODE SELECT). */

import { inOnePiece } from '../../bytes/index.ts';
import {
  CachingPage,
  ControlExtensionPage,
  ControlPage,
  InformationalExceptionsPage,
  ModePageCode,
  ModeSubpageCode,
  ReadWriteErrorRecoveryPage,
  VerifyErrorRecoveryPage,
} from './page-layouts.ts';

/** PAGE CONTROL: which values MODE SENSE asks for. */
export const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;

/** What of a logical unit's mode parameters can change. */
export interface ModeState {
  /** D_SENSE: sense data in descriptor format. */
  readonly descriptorSense: boolean;
  /** SWP */
  readonly softwareWriteProtect: boolean;
  /** WCE of a unit with a write cache is off: what is acknowledged is durable. */
  readonly writeThrough: boolean;
}

export const defaultModeState: ModeState = { descriptorSense: false, softwareWriteProtect: false, writeThrough: false };

/** What of a unit its pages tell. */
export interface ModePageSource {
  readonly writeCache: boolean;
}

/** QUEUE ALGORITHM MODIFIER 1: commands of the SIMPLE attribute may be reordered. */
const UNRESTRICTED_REORDERING = 1;

interface Page {
  readonly code: number;
  /** 0 of a page that is none. */
  readonly subpage: number;
  readonly encode: (state: ModeState, source: ModePageSource) => Uint8Array;
  /** Ones where MODE SELECT may change something; undefined where it may not. */
  readonly changeable?: (source: ModePageSource) => Uint8Array;
  /** The state after a MODE SELECT with this page. */
  readonly select?: (page: Uint8Array, state: ModeState, source: ModePageSource) => ModeState;
}

const caching = { pageCode: ModePageCode.caching, pageLength: CachingPage.size - 2 };
const control = { pageCode: ModePageCode.control, pageLength: ControlPage.size - 2 };

/** In ascending order, as MODE SENSE must return them. */
const pages: readonly Page[] = [
  {
    code: ModePageCode.readWriteErrorRecovery,
    subpage: ModeSubpageCode.none,
    // Blocks whose medium is bad are the business of whatever keeps the device, and of nobody else.
    encode: () =>
      ReadWriteErrorRecoveryPage.encode({
        pageCode: ModePageCode.readWriteErrorRecovery,
        pageLength: ReadWriteErrorRecoveryPage.size - 2,
        automaticWriteReallocation: true,
        automaticReadReallocation: true,
      }),
  },
  {
    code: ModePageCode.verifyErrorRecovery,
    subpage: ModeSubpageCode.none,
    encode: () =>
      VerifyErrorRecoveryPage.encode({
        pageCode: ModePageCode.verifyErrorRecovery,
        pageLength: VerifyErrorRecoveryPage.size - 2,
      }),
  },
  {
    code: ModePageCode.caching,
    subpage: ModeSubpageCode.none,
    encode: ({ writeThrough }, { writeCache }) =>
      CachingPage.encode({ ...caching, writeCacheEnable: writeCache && !writeThrough }),
    changeable: ({ writeCache }) => CachingPage.encode({ ...caching, writeCacheEnable: writeCache }),
    select: (page, state, { writeCache }) => ({
      ...state,
      writeThrough: writeCache && !CachingPage.view(page).writeCacheEnable,
    }),
  },
  {
    code: ModePageCode.control,
    subpage: ModeSubpageCode.none,
    encode: ({ descriptorSense, softwareWriteProtect }) =>
      ControlPage.encode({
        ...control,
        descriptorSense,
        softwareWriteProtect,
        queueAlgorithmModifier: UNRESTRICTED_REORDERING,
      }),
    changeable: () => ControlPage.encode({ ...control, descriptorSense: true, softwareWriteProtect: true }),
    select: (page, state) => {
      const { descriptorSense, softwareWriteProtect } = ControlPage.view(page);
      return { ...state, descriptorSense, softwareWriteProtect };
    },
  },
  {
    code: ModePageCode.control,
    subpage: ModeSubpageCode.controlExtension,
    // The machine's clock goes on by itself, until SET TIMESTAMP takes precedence.
    encode: () =>
      ControlExtensionPage.encode({
        pageCode: ModePageCode.control,
        subpageFormat: true,
        subpageCode: ModeSubpageCode.controlExtension,
        pageLength: ControlExtensionPage.size - 4,
        timestampChangeableOtherwise: true,
        scsiPrecedence: true,
        implicitAsymmetricAccess: true,
      }),
  },
  {
    code: ModePageCode.informationalExceptionsControl,
    subpage: ModeSubpageCode.none,
    encode: () =>
      InformationalExceptionsPage.encode({
        pageCode: ModePageCode.informationalExceptionsControl,
        pageLength: InformationalExceptionsPage.size - 2,
      }),
  },
];

function encode(page: Page, pageControl: number, state: ModeState, source: ModePageSource): Uint8Array {
  if (pageControl === PageControl.changeable) return changeableOf(page, source);
  return page.encode(pageControl === PageControl.default ? defaultModeState : state, source);
}

/** The page's header, with ones behind it for what can change. */
function changeableOf(page: Page, source: ModePageSource): Uint8Array {
  if (page.changeable !== undefined) return page.changeable(source);
  const bytes = page.encode(defaultModeState, source);
  return bytes.fill(0, headerLength(page));
}

function headerLength({ subpage }: Page): number {
  return subpage === ModeSubpageCode.none ? 2 : 4;
}

/** The pages that MODE SENSE asks for, one after the other; undefined when there is no such page. */
export function encodeModePages(
  pageCode: number,
  subpageCode: number,
  pageControl: number,
  state: ModeState,
  source: ModePageSource,
): Uint8Array | undefined {
  const wantsEverySubpage = subpageCode === ModeSubpageCode.all;
  if (pageCode === ModePageCode.all && !wantsEverySubpage && subpageCode !== ModeSubpageCode.none) return undefined;
  const wanted = pages
    .filter(({ code }) => pageCode === ModePageCode.all || code === pageCode)
    .filter(({ subpage }) => wantsEverySubpage || subpage === subpageCode);
  if (wanted.length === 0) return undefined;
  return inOnePiece(wanted.map((page) => encode(page, pageControl, state, source)));
}

/**
 * What a MODE SELECT's pages make of `state`. `invalid` is the byte of `list` at which they ask for something that cannot change;
 * `truncated` when a page is longer than the list.
 */
export function applyModePages(
  list: Uint8Array,
  state: ModeState,
  source: ModePageSource,
): { readonly state: ModeState } | { readonly invalid: number } | { readonly truncated: true } {
  let next = state;
  for (let at = 0; at < list.length; ) {
    const page = pageAt(list, at);
    if (page === undefined) return { invalid: at };
    const current = page.encode(next, source);
    if (at + current.length > list.length) return { truncated: true };
    const given = list.subarray(at, at + current.length);
    const wrong = firstFixedDifference(given, current, changeableOf(page, source), headerLength(page));
    if (wrong !== undefined) return { invalid: at + wrong };
    next = page.select?.(given, next, source) ?? next;
    at += current.length;
  }
  return { state: next };
}

/** The page whose code stands there. PS, its first bit, is reserved in MODE SELECT. */
function pageAt(list: Uint8Array, at: number): Page | undefined {
  const first = list[at] ?? 0;
  const isSubpage = (first & 0x40) !== 0;
  const subpage = isSubpage ? list[at + 1] : ModeSubpageCode.none;
  return pages.find(
    (page) => page.code === (first & 0x3f) && page.subpage === subpage && isSubpage === (page.subpage !== 0),
  );
}

/** Where `given` differs from `current` in what cannot change: its length, which the header says, and bits that are not in `mask`. */
function firstFixedDifference(
  given: Uint8Array,
  current: Uint8Array,
  mask: Uint8Array,
  header: number,
): number | undefined {
  for (let byte = 1; byte < current.length; byte++) {
    const fixed = byte < header ? 0xff : ~(mask[byte] ?? 0) & 0xff;
    if ((((given[byte] ?? 0) ^ (current[byte] ?? 0)) & fixed) !== 0) return byte;
  }
  return undefined;
}
