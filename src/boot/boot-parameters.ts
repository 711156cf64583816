/**
 * What the boot stage needs to know (RFC 4173 §5), each value with where it came from. Earlier sources count more: what the user says
 * is never replaced by what the network says.
 */

import { type RootPath, rootPathDefaults } from '../iscsi/root-path.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import { formatServerName, type ServerName } from '../iscsi/server-name.ts';
import type { BootRequest } from './boot-request.ts';
import type { DhcpResult } from './dhcp-stage.ts';

export type Source = 'user' | 'dhcp' | 'discovery' | 'default';

export interface Known<T> {
  readonly value: T;
  readonly source: Source;
}

export interface BootParameters {
  readonly server?: Known<ServerName>;
  readonly port?: Known<number>;
  readonly lun?: Known<Uint8Array>;
  readonly targetName?: Known<string>;
  readonly initiatorName?: Known<string>;
}

export function parametersOfUser(request: BootRequest): BootParameters {
  const { rootPath, server, port, lun, targetName, initiatorName } = request;
  const typed = known({ server, port, lun, targetName, initiatorName }, 'user');
  return rootPath === undefined ? typed : { ...parametersOfRootPath(rootPath, 'user'), ...typed };
}

/** What DHCP said of the boot. */
export function parametersOfDhcp({ rootPath, initiatorName }: DhcpResult): BootParameters {
  return {
    ...(rootPath !== undefined && parametersOfRootPath(rootPath, 'dhcp')),
    ...(initiatorName !== undefined && { initiatorName: { value: initiatorName, source: 'dhcp' } }),
  };
}

/** The fields that the Root Path gives; blank ones stay unknown. */
export function parametersOfRootPath(rootPath: RootPath, source: Source): BootParameters {
  const { server, port, lun, targetName } = rootPath;
  return known({ server, port, lun, targetName }, source);
}

/** `more` fills what `parameters` leaves open. */
export function complete(parameters: BootParameters, more: BootParameters): BootParameters {
  return { ...more, ...parameters };
}

/** The parameters with what blank fields mean. */
export type CompleteParameters = BootParameters & Required<Pick<BootParameters, 'port' | 'lun' | 'initiatorName'>>;

export function withDefaults(parameters: BootParameters, initiatorName: string): CompleteParameters {
  return {
    port: { value: rootPathDefaults.port, source: 'default' },
    lun: { value: rootPathDefaults.lun, source: 'default' },
    initiatorName: { value: initiatorName, source: 'default' },
    ...parameters,
  };
}

/** As text, for people and for JSON. */
export function describeParameters(parameters: BootParameters) {
  const { server, port, lun, targetName, initiatorName } = parameters;
  return {
    ...(server && { serverName: { value: formatServerName(server.value), source: server.source } }),
    ...(port && { port }),
    ...(lun && { lun: { value: formatLun(lun.value), source: lun.source } }),
    ...(targetName && { targetName }),
    ...(initiatorName && { initiatorName }),
  };
}

/** The values that are there, each with its source. */
function known(
  values: {
    readonly server: ServerName | undefined;
    readonly port: number | undefined;
    readonly lun: Uint8Array | undefined;
    readonly targetName: string | undefined;
    readonly initiatorName?: string | undefined;
  },
  source: Source,
): BootParameters {
  const { server, port, lun, targetName, initiatorName } = values;
  return {
    ...(server !== undefined && { server: { value: server, source } }),
    ...(port !== undefined && { port: { value: port, source } }),
    ...(lun !== undefined && { lun: { value: lun, source } }),
    ...(targetName !== undefined && { targetName: { value: targetName, source } }),
    ...(initiatorName !== undefined && { initiatorName: { value: initiatorName, source } }),
  };
}
