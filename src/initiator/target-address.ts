/** TargetAddress values (RFC 7143 §13.8): `host[:port][,portal-group-tag]`, as discovery and redirections give them. */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import { formatPortalAddress } from '../iscsi/portal-address.ts';
import { rootPathDefaults } from '../iscsi/root-path.ts';
import { parseServerName, serverHost } from '../iscsi/server-name.ts';

/** Where a target listens. `host` is a name or a literal without brackets. */
export interface Portal {
  readonly host: string;
  readonly port: number;
}

export interface TargetAddress extends Portal {
  /** 0..65535 */
  readonly portalGroupTag?: number;
}

/** Raises ISCSI_TARGET_ADDRESS. */
export function parseTargetAddress(text: string): TargetAddress {
  const match = /^(\[[^\]]*\]|[^:,]+)(?::([0-9]{1,5}))?(?:,([0-9]{1,5}))?$/.exec(text);
  const [, server = '', port, tag] = match ?? [];
  const portNumber = port === undefined ? rootPathDefaults.port : Number(port);
  const host = match === null ? undefined : hostOf(server);
  if (host === undefined || portNumber < 1 || portNumber > 65535 || Number(tag ?? 0) > 65535) {
    throw new ProtocolError('ISCSI_TARGET_ADDRESS', `the target gave the address "${text}", which cannot be read`, {
      hint: 'The form is host:port,tag with an IPv6 host in brackets.',
    });
  }
  return { host, port: portNumber, ...(tag === undefined ? {} : { portalGroupTag: Number(tag) }) };
}

function hostOf(server: string): string | undefined {
  try {
    return serverHost(parseServerName(server));
  } catch (error) {
    if (error instanceof DisklessError) return undefined;
    throw error;
  }
}

/** `192.0.2.5:3260`, `[2001:db8::5]:3260` */
export function formatPortal(portal: Portal): string {
  return formatPortalAddress(portal.host, portal.port);
}
