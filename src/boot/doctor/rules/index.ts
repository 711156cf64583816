/** Everything that the doctor looks for, the most basic first. */

import type { Rule } from '../finding.ts';
import { bootFileParameters } from './boot-file-parameters.ts';
import { clientMisreads } from './client-misreads.ts';
import { gateway } from './gateway.ts';
import { gatewayIpv6 } from './gateway-ipv6.ts';
import { loginRefused } from './login-refused.ts';
import { lunDecimal } from './lun-decimal.ts';
import { noDhcpServer } from './no-dhcp-server.ts';
import { noDisk } from './no-disk.ts';
import { noRootPath } from './no-root-path.ts';
import { noTarget } from './no-target.ts';
import { notBootable } from './not-bootable.ts';
import { rootPathLong } from './root-path-long.ts';
import { rootPathMalformed } from './root-path-malformed.ts';
import { rootPathNotOffered } from './root-path-not-offered.ts';
import { serverUnreachable } from './server-unreachable.ts';
import { severalDhcpServers } from './several-dhcp-servers.ts';
import { targetHidden } from './target-hidden.ts';

export const rules: readonly Rule[] = [
  noDhcpServer,
  severalDhcpServers,
  noRootPath,
  rootPathNotOffered,
  rootPathMalformed,
  rootPathLong,
  bootFileParameters,
  gateway,
  gatewayIpv6,
  serverUnreachable,
  noTarget,
  loginRefused,
  targetHidden,
  noDisk,
  notBootable,
  lunDecimal,
  clientMisreads,
];
