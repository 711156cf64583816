/** Which disk a logical unit is, so that it is known again in another session: a name of a target and a LUN may lead to another one. */

import { Association, type Designator, DesignatorType } from '../scsi/designator.ts';
import { decodeDeviceIdentification, pageContent, VitalProductDataPage } from '../scsi/vital-product-data.ts';
import type { LogicalUnit } from './logical-unit.ts';

export interface UnitIdentity {
  /** Its world wide names, sorted; else its serial number; empty where it has neither. */
  readonly names: readonly string[];
  readonly blocks: number;
  readonly blockSize: number;
}

/** Designators that are different for different units, whoever makes them. */
const naming: ReadonlyMap<number, string> = new Map([
  [DesignatorType.t10VendorId, 't10'],
  [DesignatorType.eui64, 'eui'],
  [DesignatorType.naa, 'naa'],
  [DesignatorType.scsiNameString, 'name'],
]);

/** Raises ScsiError, SCSI_CAPACITY, and what the session raises. */
export async function identityOf(unit: LogicalUnit): Promise<UnitIdentity> {
  const { blocks, blockSize } = await unit.readCapacity();
  return { names: await namesOf(unit, await unit.supportedPages()), blocks, blockSize };
}

/** As in `UnitIdentity`; `supported` are the codes of the pages that the unit has. Raises ScsiError, and what the session raises. */
export async function namesOf(unit: LogicalUnit, supported: ReadonlySet<number>): Promise<readonly string[]> {
  const page = async (code: number) => (supported.has(code) ? unit.vitalProductData(code) : undefined);
  const identification = await page(VitalProductDataPage.deviceIdentification);
  const designators = (identification && decodeDeviceIdentification(identification)) ?? [];
  const own = designators.filter(
    ({ association, type }) => association === Association.logicalUnit && naming.has(type),
  );
  if (own.length > 0) return own.map(nameOf).sort();
  const code = VitalProductDataPage.unitSerialNumber;
  const serial = await page(code);
  const number = serial && pageContent(code, serial);
  return number === undefined ? [] : [`serial ${hexOf(number)}`];
}

function nameOf({ type, value }: Designator): string {
  return `${naming.get(type)} ${hexOf(value)}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What tells the unit `now` from the one `before`; undefined for the same one, which may have grown. */
export function differenceOf(before: UnitIdentity, now: UnitIdentity): string | undefined {
  const [was, is] = [before, now].map(({ names }) => names.join(', ') || 'none');
  if (was !== is) return `its names are ${is}, and were ${was}`;
  if (before.blockSize !== now.blockSize) return `its blocks have ${now.blockSize} bytes, and had ${before.blockSize}`;
  if (now.blocks < before.blocks) return `it has ${now.blocks} blocks, and had ${before.blocks}`;
  return undefined;
}
