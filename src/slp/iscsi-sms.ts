/** The template `service:iscsi:sms` (RFC 4018 §5.3): a storage management service, such as an iSNS server. */

import { ProtocolError } from '../bytes/index.ts';
import { formatServerName, parseServerName, type ServerName } from '../iscsi/server-name.ts';
import { type AttributeTable, attributeTable, attributeValue } from './attribute.ts';
import { escaped, folded } from './text.ts';

export const ISCSI_SMS = 'service:iscsi:sms';

const PREFIX = `${ISCSI_SMS}://`;

export interface ManagementServiceUrl {
  readonly server: ServerName;
  readonly port: number;
}

export function formatManagementServiceUrl({ server, port }: ManagementServiceUrl): string {
  return `${PREFIX}${formatServerName(server)}:${port}`;
}

/** Raises SLP_URL_INVALID. */
export function parseManagementServiceUrl(url: string): ManagementServiceUrl {
  const hasPrefix = folded(url.slice(0, PREFIX.length)) === PREFIX;
  const [, host, port] = /^(\[[^\]]*\]|[^:/]*):([0-9]{1,5})\/?$/.exec(url.slice(PREFIX.length)) ?? [];
  const number = Number(port);
  try {
    if (hasPrefix && host !== undefined && number >= 1 && number <= 65_535)
      return { server: parseServerName(host), port: number };
  } catch {
    // The host is none.
  }
  throw new ProtocolError('SLP_URL_INVALID', `"${url}" is not ${PREFIX}host:port`);
}

export interface ManagementServiceAttributes {
  /** `isns` is the one that is defined. */
  readonly protocols: readonly string[];
  readonly transports: readonly ('tcp' | 'udp')[];
  /** Which of several to prefer; of iSNS servers the primary has the lowest, 0. */
  readonly serverPriority: number;
}

export function managementServiceAttributes(service: ManagementServiceAttributes): AttributeTable {
  return attributeTable([
    { tag: 'protocols', values: service.protocols.map(attributeValue) },
    { tag: 'transports', values: service.transports.map(attributeValue) },
    { tag: 'server-priority', values: [attributeValue(String(service.serverPriority))] },
  ]);
}

/** Which management services speak this protocol? */
export function queryForProtocol(protocol: string): string {
  return `(protocols=${escaped(protocol)})`;
}

/** The priority that an attribute list tells. */
export function serverPriorityOf(attributes: AttributeTable): number | undefined {
  const value = attributes.get('server-priority')?.values[0];
  return value?.kind === 'integer' ? value.value : undefined;
}
