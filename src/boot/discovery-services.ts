/** The discovery services that this program can ask where no server is known, in the order in which they are asked. */

import type { DiscoveryService } from './discovery-service.ts';
import { isnsService } from './isns-service.ts';
import { slpService } from './slp-service.ts';

export const discoveryServices: readonly DiscoveryService[] = [slpService, isnsService];
