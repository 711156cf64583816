/** The discovery services that this program can ask where no server is known. */

import type { DiscoveryService } from './discovery-service.ts';
import { isnsService } from './isns-service.ts';

export const discoveryServices: readonly DiscoveryService[] = [isnsService];
