/** Where DHCPv6 servers put what a boot needs to know, as `dhcp-parameters.ts` for those of DHCPv4. */

import type { Ipv6Address } from '../bytes/index.ts';
import { type Dhcp6Information, type Dhcp6Lease, messagesOf } from '../dhcp6/client/lease.ts';
import type { Dhcp6Message } from '../dhcp6/message.ts';
import { Option } from '../dhcp6/option.ts';
import type { OptionType } from '../dhcp6/option-list.ts';
import { isForIscsi, parseRootPath, type RootPath } from '../iscsi/root-path.ts';
import type { ParameterName } from './dhcp-parameters.ts';
import {
  type Found,
  nameOfOption,
  ParameterSearch,
  type Place,
  refuseMissed,
  type UnusablePlace,
} from './parameter-search.ts';

export interface Dhcp6Parameters {
  readonly rootPath: Found<RootPath> | undefined;
  /** What other clients would fetch: a boot file URL that is no Root Path. */
  readonly bootFileUrl: Found<string> | undefined;
  readonly domainNameServers: Found<readonly Ipv6Address[]> | undefined;
  readonly domainSearch: Found<readonly string[]> | undefined;
  /** What was passed over, whether another place has the parameter or not. */
  readonly unusable: readonly UnusablePlace<Dhcp6ParameterName>[];
}

type Dhcp6ParameterName = Exclude<keyof Dhcp6Parameters, 'unusable'>;

/** As bytes: that RFC 4173 §5 makes it UTF-8 is for the parser to see. */
const rootPathPlace = inBootFileUrl(parseRootPath);

/** RFC 5970 §5: the option that names the disk is the one that would name a file. */
const bootFilePlace = inBootFileUrl((value, { options }) =>
  isForIscsi(value) ? undefined : options.get(Option.bootFileUrl),
);

export function parametersOfDhcp6(heard: Dhcp6Lease | Dhcp6Information): Dhcp6Parameters {
  const search = new ParameterSearch<Dhcp6Message, Dhcp6ParameterName>(messagesOf(heard));
  const rootPath = search.find('rootPath', [rootPathPlace]);
  const bootFileUrl = search.find('bootFileUrl', [bootFilePlace]);
  const domainNameServers = search.find('domainNameServers', [asItStands(Option.domainNameServers)]);
  const domainSearch = search.find('domainSearch', [asItStands(Option.domainSearch)]);
  return { rootPath, bootFileUrl, domainNameServers, domainSearch, unusable: search.unusable };
}

/** Raises ROOT_PATH_... when the only Root Path that a server gives is malformed, and the disk is not `known` otherwise. */
export function refuseUnusableDhcp6({ rootPath, unusable }: Dhcp6Parameters, known: readonly ParameterName[]): void {
  if (rootPath !== undefined || known.includes('rootPath')) return;
  refuseMissed(unusable, (parameter) => parameter === 'rootPath');
}

function inBootFileUrl<T>(read: (value: Uint8Array, message: Dhcp6Message) => T | undefined): Place<Dhcp6Message, T> {
  return {
    name: nameOfOption(Option.bootFileUrl),
    read: (message) => {
      const value = message.options.raw(Option.bootFileUrl.code);
      return value === undefined ? undefined : read(value, message);
    },
  };
}

function asItStands<T>(option: OptionType<T>): Place<Dhcp6Message, T> {
  return { name: nameOfOption(option), read: ({ options }) => options.get(option) };
}
