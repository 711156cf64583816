/** The Management Network Addresses VPD page (SPC-4): where whoever uses a target finds the services by which it is managed. */

import { bits, inOnePiece, layout, u16 } from '../bytes/index.ts';
import { Association } from './designator.ts';
import { encodePage, VitalProductDataPage } from './vital-product-data.ts';

const NetworkServicesDescriptor = layout('network services descriptor', 4, {
  association: bits(0, 5, 2),
  serviceType: bits(0, 0, 5),
  networkAddressLength: u16(2),
});

/** SERVICE TYPE of a service about which no more is said. */
const UNSPECIFIED = 0;

const encoder = new TextEncoder();

/** `urls` are those of the target; all together have to fit into 64 KiB. */
export function encodeManagementNetworkAddresses(urls: readonly string[]): Uint8Array {
  const content = inOnePiece(urls.map(encodeUrl));
  return encodePage(VitalProductDataPage.managementNetworkAddresses, content);
}

/** NUL-terminated, a multiple of four bytes. */
function encodeUrl(url: string): Uint8Array {
  const text = encoder.encode(url);
  const networkAddressLength = (text.length + 4) & ~3;
  const descriptor = new Uint8Array(NetworkServicesDescriptor.size + networkAddressLength);
  NetworkServicesDescriptor.write(descriptor, 0, {
    association: Association.targetDevice,
    serviceType: UNSPECIFIED,
    networkAddressLength,
  });
  descriptor.set(text, NetworkServicesDescriptor.size);
  return descriptor;
}
