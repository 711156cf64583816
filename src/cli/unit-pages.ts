/** The pages of a logical unit as people and programs read them. What has a layout is shown field by field, everything else as bytes. */

import { readU16 } from '../bytes/index.ts';
import {
  Association,
  BlockDeviceCharacteristics,
  BlockLimits,
  CachingPage,
  CodeSet,
  ControlExtensionPage,
  ControlPage,
  type Designator,
  DesignatorType,
  decodeDesignators,
  ExtendedInquiryData,
  InformationalExceptionsPage,
  LogicalBlockProvisioning,
  ModePageCode,
  ModeSubpageCode,
  ReadWriteErrorRecoveryPage,
  VerifyErrorRecoveryPage,
  VitalProductDataPage,
} from '../scsi/index.ts';

export type PageValue = string | number | boolean;

export interface UnitPage {
  readonly code: number;
  /** Of a mode page that is one. */
  readonly subpage?: number;
  readonly title: string;
  /** By the names that the standards give them. */
  readonly fields: Readonly<Record<string, PageValue>>;
}

/** What of a layout is needed to show it. */
interface PageLayout {
  readonly size: number;
  readonly fields: Readonly<Record<string, { read(bytes: Uint8Array, at: number): unknown }>>;
}

interface PageDescription {
  readonly title: string;
  /** `page` is the whole page with its header. */
  readonly show: (page: Uint8Array) => UnitPage['fields'];
}

/** Bytes of a VPD page before its content, and of a mode page. */
const VPD_HEADER = 4;
const MODE_PAGE_HEADER = 2;
const MODE_SUBPAGE_HEADER = 4;

const vitalProductDataPages = new Map<number, PageDescription>([
  [VitalProductDataPage.supportedPages, { title: 'Supported VPD Pages', show: showSupportedPages }],
  [VitalProductDataPage.unitSerialNumber, { title: 'Unit Serial Number', show: showSerialNumber }],
  [VitalProductDataPage.deviceIdentification, { title: 'Device Identification', show: showDesignators }],
  [
    VitalProductDataPage.managementNetworkAddresses,
    { title: 'Management Network Addresses', show: showBytes(VPD_HEADER) },
  ],
  [VitalProductDataPage.extendedInquiryData, { title: 'Extended INQUIRY Data', show: byLayout(ExtendedInquiryData) }],
  [VitalProductDataPage.modePagePolicy, { title: 'Mode Page Policy', show: showBytes(VPD_HEADER) }],
  [VitalProductDataPage.scsiPorts, { title: 'SCSI Ports', show: showBytes(VPD_HEADER) }],
  [VitalProductDataPage.thirdPartyCopy, { title: 'Third-party Copy', show: showBytes(VPD_HEADER) }],
  [VitalProductDataPage.blockLimits, { title: 'Block Limits', show: byLayout(BlockLimits) }],
  [
    VitalProductDataPage.blockDeviceCharacteristics,
    { title: 'Block Device Characteristics', show: byLayout(BlockDeviceCharacteristics) },
  ],
  [
    VitalProductDataPage.logicalBlockProvisioning,
    { title: 'Logical Block Provisioning', show: byLayout(LogicalBlockProvisioning) },
  ],
]);

const modePages = new Map<number, PageDescription>([
  [
    ModePageCode.readWriteErrorRecovery,
    { title: 'Read-Write Error Recovery', show: byLayout(ReadWriteErrorRecoveryPage) },
  ],
  [ModePageCode.verifyErrorRecovery, { title: 'Verify Error Recovery', show: byLayout(VerifyErrorRecoveryPage) }],
  [ModePageCode.caching, { title: 'Caching', show: byLayout(CachingPage) }],
  [ModePageCode.control, { title: 'Control', show: byLayout(ControlPage) }],
  [
    ModePageCode.informationalExceptionsControl,
    { title: 'Informational Exceptions Control', show: byLayout(InformationalExceptionsPage) },
  ],
]);

/** By page code and subpage code. */
const modeSubpages = new Map<string, PageDescription>([
  [
    `${ModePageCode.control}/${ModeSubpageCode.controlExtension}`,
    { title: 'Control Extension', show: byLayout(ControlExtensionPage) },
  ],
]);

export function describeVitalProductData(code: number, page: Uint8Array): UnitPage {
  const { title, show } = vitalProductDataPages.get(code) ?? { title: 'unknown page', show: showBytes(VPD_HEADER) };
  return { code, title, fields: show(page) };
}

/** The pages behind one another that MODE SENSE returns. One that is cut short ends the list. */
export function describeModePages(pages: Uint8Array): UnitPage[] {
  const result: UnitPage[] = [];
  for (let at = 0; at + MODE_SUBPAGE_HEADER <= pages.length; ) {
    // SPF: a subpage has two bytes more before its content.
    const hasSubpage = ((pages[at] ?? 0) & 0x40) !== 0;
    const length = hasSubpage ? MODE_SUBPAGE_HEADER + readU16(pages, at + 2) : MODE_PAGE_HEADER + (pages[at + 1] ?? 0);
    if (at + length > pages.length) break;
    const page = pages.subarray(at, at + length);
    result.push(hasSubpage ? describeModeSubpage(page) : describeModePage(page));
    at += length;
  }
  return result;
}

function describeModePage(page: Uint8Array): UnitPage {
  const code = modePageCode(page);
  const { title, show } = modePages.get(code) ?? { title: 'unknown page', show: showBytes(MODE_PAGE_HEADER) };
  return { code, title, fields: show(page) };
}

function describeModeSubpage(page: Uint8Array): UnitPage {
  const [code, subpage] = [modePageCode(page), page[1] ?? 0];
  const known = modeSubpages.get(`${code}/${subpage}`);
  const { title, show } = known ?? { title: 'unknown page', show: showBytes(MODE_SUBPAGE_HEADER) };
  return { code, subpage, title, fields: show(page) };
}

function modePageCode(page: Uint8Array): number {
  return (page[0] ?? 0) & 0x3f;
}

/** `maximumUnmapLbaCount` -> `maximum unmap lba count`; what is several words already stays. */
export function fieldLabel(name: string): string {
  return name.includes(' ') ? name : name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

const headerFields = new Set(['pageCode', 'subpageFormat', 'subpageCode', 'pageLength']);

/** A page may be shorter than its newest layout: what is missing counts as zero. */
function byLayout({ size, fields }: PageLayout): PageDescription['show'] {
  return (page) => {
    const whole = new Uint8Array(size);
    whole.set(page.subarray(0, size));
    const shown = Object.entries(fields).filter(([name]) => !headerFields.has(name));
    return Object.fromEntries(shown.map(([name, field]) => [name, plain(field.read(whole, 0))]));
  };
}

function plain(value: unknown): PageValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

function showBytes(header: number): PageDescription['show'] {
  return (page) => ({ bytes: Buffer.from(page.subarray(header)).toString('hex') });
}

function showSupportedPages(page: Uint8Array): UnitPage['fields'] {
  return { pages: Array.from(page.subarray(VPD_HEADER), pageCodeText).join(' ') };
}

function showSerialNumber(page: Uint8Array): UnitPage['fields'] {
  return { serialNumber: asciiText(page.subarray(VPD_HEADER)) };
}

/** `80h` */
export function pageCodeText(code: number): string {
  return `${code.toString(16).padStart(2, '0')}h`;
}

function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, ' ')
    .trim();
}

const associations = new Map<number, string>([
  [Association.logicalUnit, 'unit'],
  [Association.targetPort, 'port'],
  [Association.targetDevice, 'target'],
]);
const designatorTypes = new Map<number, string>([
  [DesignatorType.vendorSpecific, 'vendor specific'],
  [DesignatorType.t10VendorId, 'T10 vendor'],
  [DesignatorType.eui64, 'EUI-64'],
  [DesignatorType.naa, 'NAA'],
  [DesignatorType.relativeTargetPort, 'relative target port'],
  [DesignatorType.targetPortGroup, 'target port group'],
  [DesignatorType.logicalUnitGroup, 'logical unit group'],
  [DesignatorType.scsiNameString, 'SCSI name'],
]);

function showDesignators(page: Uint8Array): UnitPage['fields'] {
  const shown = new Map<string, string>();
  for (const designator of decodeDesignators(page.subarray(VPD_HEADER))) {
    const of = associations.get(designator.association) ?? `association ${designator.association}`;
    const type = designatorTypes.get(designator.type) ?? `type ${designator.type}`;
    const before = shown.get(`${of}: ${type}`);
    const text = designatorText(designator);
    shown.set(`${of}: ${type}`, before === undefined ? text : `${before}, ${text}`);
  }
  return Object.fromEntries(shown);
}

function designatorText({ codeSet, value }: Designator): string {
  if (codeSet === CodeSet.ascii) return asciiText(value);
  if (codeSet === CodeSet.utf8) return Buffer.from(value).toString('utf8').replaceAll('\0', '');
  return Buffer.from(value).toString('hex');
}
