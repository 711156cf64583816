/**
 * Where DHCP servers put what a boot needs to know: a table of places for each parameter, the one that counts most first. What is
 * found is kept with the place that it came from.
 */

import { ProtocolError } from '../bytes/index.ts';
import { type DhcpLease, messagesOf } from '../dhcp/client/lease.ts';
import type { DhcpMessage } from '../dhcp/message.ts';
import { IpxeOption, IsanOption, isanVendorClasses, Option, vendorOptions } from '../dhcp/option.ts';
import type { OptionList, OptionType } from '../dhcp/option-list.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { parseRootPath, type RootPath } from '../iscsi/root-path.ts';
import {
  type EmulexBootString,
  emulexInitiatorName,
  emulexRootPath,
  parseEmulexBootString,
} from './emulex-boot-string.ts';
import {
  type Found,
  nameOfOption,
  ParameterSearch,
  type Place as PlaceIn,
  refuseMissed,
  type UnusablePlace,
} from './parameter-search.ts';

type Place<T> = PlaceIn<DhcpMessage, T>;

const rootPathPlaces: readonly Place<RootPath>[] = [
  { name: nameOfOption(Option.rootPath), read: ({ options }) => rootPathIn(options, Option.rootPath) },
  { name: isanName(IsanOption.firstTarget), read: (message) => rootPathIn(isan(message), IsanOption.firstTarget) },
  { name: emulexName(), read: rootPathOfEmulex },
];

/** A second way to a disk, for when the first one fails. */
const secondRootPathPlaces: readonly Place<RootPath>[] = [
  { name: isanName(IsanOption.secondTarget), read: (message) => rootPathIn(isan(message), IsanOption.secondTarget) },
];

const initiatorNamePlaces: readonly Place<IscsiName>[] = [
  { name: nameOfOption(Option.initiatorName), read: ({ options }) => iscsiNameIn(options, Option.initiatorName) },
  { name: isanName(IsanOption.initiatorName), read: (message) => iscsiNameIn(isan(message), IsanOption.initiatorName) },
  { name: emulexName(), read: initiatorNameOfEmulex },
];

const chapPlaces: readonly Place<ChapCredentials>[] = [
  { name: 'sub-options 190 to 193 of option 175 (iPXE)', read: ({ options }) => chapIn(options.find(Option.ipxe)) },
];

/** What is as it stands in its option. */
const plainOptions = {
  routers: Option.routers,
  classlessRoutes: Option.classlessRoutes,
  domainNameServers: Option.domainNameServers,
  domainName: Option.domainName,
  domainSearch: Option.domainSearch,
  hostName: Option.hostName,
  interfaceMtu: Option.interfaceMtu,
  slpDirectoryAgents: Option.slpDirectoryAgents,
  slpServiceScope: Option.slpServiceScope,
  isns: Option.isns,
} as const;

type ValueOf<O> = O extends OptionType<infer T> ? T : never;
export type PlainParameters = {
  readonly [Name in keyof typeof plainOptions]?: Found<ValueOf<(typeof plainOptions)[Name]>>;
};

/** What is said in a form of its own, and can be said wrongly. */
export type ParameterName = 'rootPath' | 'secondRootPath' | 'initiatorName' | 'chap';

export interface DhcpParameters {
  readonly rootPath: Found<RootPath> | undefined;
  readonly secondRootPath: Found<RootPath> | undefined;
  readonly initiatorName: Found<IscsiName> | undefined;
  readonly chap: Found<ChapCredentials> | undefined;
  readonly plain: PlainParameters;
  /** What was passed over, whether another place has the parameter or not. */
  readonly unusable: readonly UnusablePlace<ParameterName>[];
}

export function parametersOf(lease: DhcpLease): DhcpParameters {
  const messages = messagesOf(lease);
  const search = new ParameterSearch<DhcpMessage, ParameterName>(messages);
  const rootPath = search.find('rootPath', rootPathPlaces);
  const secondRootPath = search.find('secondRootPath', secondRootPathPlaces);
  const initiatorName = search.find('initiatorName', initiatorNamePlaces);
  const chap = search.find('chap', chapPlaces);
  return { rootPath, secondRootPath, initiatorName, chap, plain: plainIn(messages), unusable: search.unusable };
}

/** What is malformed is as if it were not there. */
function plainIn(messages: ReturnType<typeof messagesOf>): PlainParameters {
  const search = new ParameterSearch<DhcpMessage, string>(messages);
  const found = Object.entries(plainOptions).flatMap(([name, option]) => {
    const place: Place<unknown> = { name: nameOfOption(option), read: ({ options }) => options.find<unknown>(option) };
    const value = search.find(name, [place]);
    return value === undefined ? [] : [[name, value] as const];
  });
  // Each value is of the form that its option in the table has.
  return Object.fromEntries(found) as PlainParameters;
}

/**
 * Raises what is wrong with the only place of a parameter that somebody meant to give, and that is not `known` otherwise: ROOT_PATH_...,
 * EMULEX_BOOT_STRING, ISCSI_NAME_.... A second Root Path is for when the first one fails: without it, there is still the first.
 */
export function refuseUnusable(parameters: DhcpParameters, known: readonly ParameterName[]): void {
  refuseMissed(
    parameters.unusable,
    (parameter) => parameter !== 'secondRootPath' && parameters[parameter] === undefined && !known.includes(parameter),
  );
}

function isanName({ code, name }: OptionType<unknown>): string {
  return `sub-option ${code} (${name}) of option 43`;
}

function emulexName(): string {
  return 'the boot string in option 43';
}

/** As bytes: RFC 4173 §5 makes it UTF-8, which other readers of option 17 do not check. */
function rootPathIn(options: OptionList | undefined, { code }: OptionType<string>): RootPath | undefined {
  const value = options?.raw(code);
  return value === undefined ? undefined : parseRootPath(value);
}

function iscsiNameIn(options: OptionList | undefined, option: OptionType<string>): IscsiName | undefined {
  const name = options?.find(option);
  return name === undefined ? undefined : parseIscsiName(name);
}

/** Option 43 means what the vendor class says (RFC 2132 §8.4). */
function isan({ options }: DhcpMessage): OptionList | undefined {
  const isIsan = isanVendorClasses.includes(options.find(Option.vendorClass) ?? '');
  return isIsan ? options.find(vendorOptions) : undefined;
}

function emulex({ options }: DhcpMessage): EmulexBootString | undefined {
  const value = options.raw(Option.vendorSpecific.code);
  return value === undefined ? undefined : parseEmulexBootString(value);
}

function rootPathOfEmulex(message: DhcpMessage): RootPath | undefined {
  const boot = emulex(message);
  return boot && emulexRootPath(boot);
}

/** What has not even the form names nobody; that it has not is said of its Root Path. */
function initiatorNameOfEmulex(message: DhcpMessage): IscsiName | undefined {
  let boot: EmulexBootString | undefined;
  try {
    boot = emulex(message);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  return boot && emulexInitiatorName(boot);
}

/** A name without its password proves nothing, and the target's pair is nothing without the initiator's. */
function chapIn(options: OptionList | undefined): ChapCredentials | undefined {
  const pair = (name: OptionType<string>, password: OptionType<string>) => {
    const [who, secret] = [options?.find(name), options?.raw(password.code)];
    return who === undefined || who === '' || secret === undefined ? undefined : { name: who, secret };
  };
  const initiator = pair(IpxeOption.username, IpxeOption.password);
  const target = pair(IpxeOption.reverseUsername, IpxeOption.reversePassword);
  if (initiator === undefined) return undefined;
  return target === undefined ? { initiator } : { initiator, target };
}
