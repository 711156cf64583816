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

export interface Found<T> {
  readonly value: T;
  /** Such as `option 17 (root path) of the ACK of 192.0.2.1`. */
  readonly origin: string;
}

/** A place in a message. */
interface Place<T> {
  readonly name: string;
  /** Undefined when it is not there. Raises ProtocolError when it is there and malformed. */
  readonly read: (message: DhcpMessage) => T | undefined;
}

const rootPathPlaces: readonly Place<RootPath>[] = [
  { name: nameOf(Option.rootPath), read: ({ options }) => rootPathIn(options, Option.rootPath) },
  { name: isanName(IsanOption.firstTarget), read: (message) => rootPathIn(isan(message), IsanOption.firstTarget) },
  { name: emulexName(), read: rootPathOfEmulex },
];

/** A second way to a disk, for when the first one fails. */
const secondRootPathPlaces: readonly Place<RootPath>[] = [
  { name: isanName(IsanOption.secondTarget), read: (message) => rootPathIn(isan(message), IsanOption.secondTarget) },
];

const initiatorNamePlaces: readonly Place<IscsiName>[] = [
  { name: nameOf(Option.initiatorName), read: ({ options }) => iscsiNameIn(options, Option.initiatorName) },
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

/** A place that says something that cannot be used. */
export interface UnusablePlace {
  readonly parameter: ParameterName;
  /** As in `Found`. */
  readonly origin: string;
  readonly error: ProtocolError;
}

export interface DhcpParameters {
  readonly rootPath: Found<RootPath> | undefined;
  readonly secondRootPath: Found<RootPath> | undefined;
  readonly initiatorName: Found<IscsiName> | undefined;
  readonly chap: Found<ChapCredentials> | undefined;
  readonly plain: PlainParameters;
  /** What was passed over, whether another place has the parameter or not. */
  readonly unusable: readonly UnusablePlace[];
}

export function parametersOf(lease: DhcpLease): DhcpParameters {
  const unusable: UnusablePlace[] = [];
  const find = <T>(parameter: ParameterName, places: readonly Place<T>[]): Found<T> | undefined => {
    const said = saidIn(lease, places);
    unusable.push(...said.flatMap(({ origin, error }) => (error === undefined ? [] : [{ parameter, origin, error }])));
    return said.find((each) => each.error === undefined);
  };
  const plain = Object.entries(plainOptions).flatMap(([name, option]) => {
    const place: Place<unknown> = { name: nameOf(option), read: ({ options }) => options.find<unknown>(option) };
    const [found] = saidIn(lease, [place]);
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    rootPath: find('rootPath', rootPathPlaces),
    secondRootPath: find('secondRootPath', secondRootPathPlaces),
    initiatorName: find('initiatorName', initiatorNamePlaces),
    chap: find('chap', chapPlaces),
    // Each value is of the form that its option in the table has.
    plain: Object.fromEntries(plain) as PlainParameters,
    unusable,
  };
}

/**
 * Raises what is wrong with the only place of a parameter that somebody meant to give, and that is not `known` otherwise: ROOT_PATH_...,
 * EMULEX_BOOT_STRING, ISCSI_NAME_.... A second Root Path is for when the first one fails: without it, there is still the first.
 */
export function refuseUnusable(parameters: DhcpParameters, known: readonly ParameterName[]): void {
  const missed = parameters.unusable.find(
    ({ parameter }) =>
      parameter !== 'secondRootPath' && parameters[parameter] === undefined && !known.includes(parameter),
  );
  if (missed !== undefined) throw missed.error;
}

type Said<T> = (Found<T> & { readonly error?: undefined }) | { readonly origin: string; readonly error: ProtocolError };

/** All that is said, what counts most first. */
function saidIn<T>(lease: DhcpLease, places: readonly Place<T>[]): Said<T>[] {
  return places.flatMap((place) =>
    messagesOf(lease).flatMap(({ name, message }): Said<T>[] => {
      const origin = `${place.name} of the ${name}`;
      try {
        const value = place.read(message);
        return value === undefined ? [] : [{ value, origin }];
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return [{ origin, error }];
      }
    }),
  );
}

function nameOf({ code, name }: OptionType<unknown>): string {
  return `option ${code} (${name})`;
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
