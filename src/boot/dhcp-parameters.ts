/**
 * Where DHCP servers put what a boot needs to know: a table of places for each parameter, the one that counts most first. What is
 * found is kept with the place that it came from. A place that is malformed is passed over for the next one.
 */

import { ProtocolError } from '../bytes/index.ts';
import { type DhcpLease, messagesOf } from '../dhcp/client/lease.ts';
import type { DhcpMessage } from '../dhcp/message.ts';
import { IpxeOption, IsanOption, isanVendorClasses, Option, vendorOptions } from '../dhcp/option.ts';
import type { OptionList, OptionType } from '../dhcp/option-list.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { parseRootPath, type RootPath } from '../iscsi/root-path.ts';
import { type EmulexBoot, parseEmulexBootString } from './emulex-boot-string.ts';

export interface Found<T> {
  readonly value: T;
  /** Such as `option 17 (root path) of the ACK of 192.0.2.1`. */
  readonly origin: string;
}

/** A place in a message. */
interface Place<T> {
  readonly name: string;
  /** In option 43, which is meant for the ROMs of one vendor. */
  readonly isVendors: boolean;
  /** Undefined when it is not there. Raises ProtocolError when it is there and malformed. */
  readonly read: (message: DhcpMessage) => T | undefined;
}

/** A place that is there and cannot be read. */
export interface Unreadable {
  readonly origin: string;
  readonly isVendors: boolean;
  readonly error: ProtocolError;
}

interface Search<T> {
  readonly found: Found<T> | undefined;
  readonly isVendors: boolean;
  /** What comes before it. */
  readonly unreadable: readonly Unreadable[];
}

const rootPathPlaces: readonly Place<RootPath>[] = [
  inOption(Option.rootPath, rootPathIn),
  inIsanOption(IsanOption.firstTarget, rootPathIn),
  inEmulexString((boot) => boot.rootPath),
];

/** A second way to a disk, for when the first one fails. */
const secondRootPathPlaces: readonly Place<RootPath>[] = [inIsanOption(IsanOption.secondTarget, rootPathIn)];

const initiatorNamePlaces: readonly Place<IscsiName>[] = [
  inOption(Option.initiatorName, iscsiNameIn),
  inIsanOption(IsanOption.initiatorName, iscsiNameIn),
  inEmulexString((boot) => boot.initiatorName),
];

const chapPlaces: readonly Place<ChapCredentials>[] = [
  {
    name: 'sub-options 190 to 193 of option 175 (iPXE)',
    isVendors: false,
    read: ({ options }) => chapIn(options.find(Option.ipxe)),
  },
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

export interface DhcpParameters {
  readonly rootPath: Found<RootPath> | undefined;
  readonly secondRootPath: Found<RootPath> | undefined;
  readonly initiatorName: Found<IscsiName> | undefined;
  readonly chap: Found<ChapCredentials> | undefined;
  readonly plain: PlainParameters;
  /** Places that were there, and that the boot does without. */
  readonly passedOver: readonly Unreadable[];
}

/** Raises ROOT_PATH_..., EMULEX_BOOT_STRING and ISCSI_NAME_... when servers say wrongly what the boot cannot do without. */
export function parametersOf(lease: DhcpLease): DhcpParameters {
  const rootPath = find(lease, rootPathPlaces);
  const secondRootPath = find(lease, secondRootPathPlaces);
  const initiatorName = find(lease, initiatorNamePlaces);
  const chap = find(lease, chapPlaces);
  refuseUnreadable(rootPath, initiatorName);
  const plain = Object.entries(plainOptions).map(([name, option]) => {
    return [
      name,
      find(lease, [inOption<unknown, unknown>(option, (options) => options?.find<unknown>(option))]),
    ] as const;
  });
  const searches = [rootPath, secondRootPath, initiatorName, chap, ...plain.map(([, search]) => search)];
  return {
    rootPath: rootPath.found,
    secondRootPath: secondRootPath.found,
    initiatorName: initiatorName.found,
    chap: chap.found,
    // Each value is of the form that its option in the table has.
    plain: Object.fromEntries(plain.flatMap(([name, { found }]) => (found ? [[name, found]] : []))) as PlainParameters,
    passedOver: searches.flatMap(({ unreadable }) => unreadable),
  };
}

/** Option 43 is for the ROMs of one vendor: a name in it that cannot be read matters to a boot whose Root Path is from there. */
function refuseUnreadable(rootPath: Search<RootPath>, initiatorName: Search<IscsiName>): void {
  const [path] = rootPath.unreadable;
  if (rootPath.found === undefined && path !== undefined) throw path.error;
  const name = initiatorName.unreadable.find(({ isVendors }) => !isVendors || rootPath.isVendors);
  if (initiatorName.found === undefined && name !== undefined) throw name.error;
}

function find<T>(lease: DhcpLease, places: readonly Place<T>[]): Search<T> {
  const unreadable: Unreadable[] = [];
  for (const { name: place, isVendors, read } of places) {
    for (const { name, message } of messagesOf(lease)) {
      const origin = `${place} of the ${name}`;
      try {
        const value = read(message);
        if (value !== undefined) return { found: { value, origin }, isVendors, unreadable };
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        unreadable.push({ origin, isVendors, error });
      }
    }
  }
  return { found: undefined, isVendors: false, unreadable };
}

type Reader<T, O> = (options: OptionList | undefined, option: OptionType<O>) => T | undefined;

function inOption<T, O>(option: OptionType<O>, read: Reader<T, O>): Place<T> {
  return {
    name: `option ${option.code} (${option.name})`,
    isVendors: false,
    read: ({ options }) => read(options, option),
  };
}

function inIsanOption<T>(option: OptionType<string>, read: Reader<T, string>): Place<T> {
  const name = `sub-option ${option.code} (${option.name}) of option 43`;
  return { name, isVendors: true, read: (message) => read(isan(message), option) };
}

function inEmulexString<T>(read: (boot: EmulexBoot) => T | undefined): Place<T> {
  return {
    name: 'the boot string in option 43',
    isVendors: true,
    read(message) {
      const boot = emulex(message);
      return boot && read(boot);
    },
  };
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

function emulex({ options }: DhcpMessage): EmulexBoot | undefined {
  const value = options.raw(Option.vendorSpecific.code);
  return value === undefined ? undefined : parseEmulexBootString(value);
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
