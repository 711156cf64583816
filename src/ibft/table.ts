/** What an iSCSI Boot Firmware Table says, as its reader and writer give and take it. */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';

export type IpAddress = Ipv4Address | Ipv6Address;

export interface IbftTable {
  /** At most 6 ASCII characters. */
  readonly oemId: string;
  /** At most 8 ASCII characters. */
  readonly oemTableId: string;
  readonly initiator: IbftInitiator | undefined;
  /** At most two. */
  readonly nics: readonly IbftNic[];
  /** At most two. */
  readonly targets: readonly IbftTarget[];
}

/** What the next system may use, and whether this boot did. */
interface Block {
  readonly valid: boolean;
  readonly bootSelected: boolean;
}

export interface IbftInitiator extends Block {
  readonly name: string;
  readonly isnsServer: IpAddress | undefined;
  readonly slpServer: IpAddress | undefined;
  readonly primaryRadiusServer: IpAddress | undefined;
  readonly secondaryRadiusServer: IpAddress | undefined;
}

/** Where a NIC's address comes from; 3 makes the next system ask DHCP again. Other values are kept as they are. */
export const PrefixOrigin = { other: 0, manual: 1, wellKnown: 2, dhcp: 3, routerAdvertisement: 4 } as const;

export interface PciAddress {
  /** 0..255 */
  readonly bus: number;
  /** 0..31 */
  readonly device: number;
  /** 0..7 */
  readonly function: number;
}

export interface IbftNic extends Block {
  /** 0..255; targets name it. */
  readonly index: number;
  /** Its address reaches beyond its link. */
  readonly global: boolean;
  readonly address: IpAddress | undefined;
  /** Bits of the address that name its network: 0..32 or 0..128. */
  readonly prefix: number;
  /** 0..255: see PrefixOrigin. */
  readonly origin: number;
  readonly gateway: IpAddress | undefined;
  readonly primaryDns: IpAddress | undefined;
  readonly secondaryDns: IpAddress | undefined;
  readonly dhcpServer: IpAddress | undefined;
  /** 0..4094; 0 is none. */
  readonly vlan: number;
  readonly mac: MacAddress;
  readonly pci: PciAddress;
  readonly hostName: string;
}

/** A CHAP name with its secret. */
export interface IbftChap {
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface IbftTarget extends Block {
  /** 0..255 */
  readonly index: number;
  readonly address: IpAddress | undefined;
  /** 0..65535 */
  readonly port: number;
  /** Eight bytes. */
  readonly lun: Uint8Array;
  /** `index` of the NIC that leads to it. */
  readonly nicIndex: number;
  readonly name: string;
  /** What the initiator proves; a RADIUS server may know the secrets instead. */
  readonly chap: IbftChap | undefined;
  /** What the target proves (mutual CHAP); not without `chap`. */
  readonly reverseChap: IbftChap | undefined;
  readonly radiusChap: boolean;
  readonly radiusReverseChap: boolean;
}

/** The CHAP type of a target structure. */
export const ChapType = { none: 0, oneWay: 1, mutual: 2 } as const;
