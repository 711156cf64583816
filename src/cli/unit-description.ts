/** Everything that a logical unit says of itself, asked for in a row. */

import { inOnePiece } from '../bytes/index.ts';
import type { Capacity, LogicalUnit } from '../initiator/logical-unit.ts';
import type { Session } from '../initiator/session.ts';
import { formatPortal } from '../initiator/target-address.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import {
  type Inquiry,
  ModeHeader6,
  ModePageCode,
  ModeSubpageCode,
  ProvisioningType,
  VitalProductDataPage,
} from '../scsi/index.ts';
import { describeModePages, describeVitalProductData, type UnitPage } from './unit-pages.ts';

/** As the capacity and VPD page B2h have it together (SBC-3, logical block provisioning). */
type Provisioning = 'full' | 'resource' | 'thin' | 'not reported';

export interface UnitDescription {
  readonly portal: string;
  readonly target: string;
  readonly targetAlias?: string;
  readonly lun: string;
  readonly session: Readonly<Record<string, number | boolean | string>>;
  readonly inquiry: Inquiry;
  /** Undefined where there is no unit, or no medium. */
  readonly capacity?: Capacity & { readonly size: number };
  readonly provisioning?: Provisioning;
  readonly writeProtected?: boolean;
  readonly pages: readonly UnitPage[];
  readonly modePages: readonly UnitPage[];
}

/** Raises ScsiError and what the session raises. A page that the unit does not know is left out. */
export async function describeUnit(session: Session, unit: LogicalUnit): Promise<UnitDescription> {
  const inquiry = await unit.inquiry();
  const pages = await readPages(unit);
  // Not every unit knows subpages.
  const mode =
    (await unit.modeSense(ModePageCode.all, ModeSubpageCode.all)) ?? (await unit.modeSense(ModePageCode.all));
  const capacity = inquiry.peripheralDeviceType === 0 ? await unit.readCapacity() : undefined;
  const { address, port } = session.remote;
  const { targetAlias } = session.login;
  return {
    portal: formatPortal({ host: address, port }),
    target: session.identity.targetName ?? '',
    ...(targetAlias === undefined ? {} : { targetAlias }),
    lun: formatLun(unit.lun),
    session: { ...session.parameters },
    inquiry,
    ...(capacity === undefined ? {} : describeCapacity(capacity, pages)),
    pages,
    ...describeMode(mode),
  };
}

function describeCapacity(
  capacity: Capacity,
  pages: readonly UnitPage[],
): Pick<UnitDescription, 'capacity' | 'provisioning'> {
  const size = capacity.blocks * capacity.blockSize;
  return { capacity: { ...capacity, size }, provisioning: provisioningOf(capacity, pages) };
}

function provisioningOf({ provisioningManagementEnabled }: Capacity, pages: readonly UnitPage[]): Provisioning {
  if (!provisioningManagementEnabled) return 'full';
  const page = pages.find(({ code }) => code === VitalProductDataPage.logicalBlockProvisioning);
  const type = page?.fields.provisioningType;
  if (type === ProvisioningType.resource) return 'resource';
  return type === ProvisioningType.thin ? 'thin' : 'not reported';
}

async function readPages(unit: LogicalUnit): Promise<UnitPage[]> {
  const pages: UnitPage[] = [];
  for (const code of await unit.supportedPages()) {
    const page = await unit.vitalProductData(code);
    if (page !== undefined) pages.push(describeVitalProductData(code, inOnePiece([page])));
  }
  return pages;
}

function describeMode(mode: Uint8Array | undefined): Pick<UnitDescription, 'writeProtected' | 'modePages'> {
  if (mode === undefined || mode.length < ModeHeader6.size) return { modePages: [] };
  const { writeProtected, blockDescriptorLength, modeDataLength } = ModeHeader6.view(mode);
  const pages = mode.subarray(ModeHeader6.size + blockDescriptorLength, modeDataLength + 1);
  return { writeProtected, modePages: describeModePages(pages) };
}
