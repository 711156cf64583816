/** What a DHCPv6 client does, a line for each of its actions. */

import type { Dhcp6ClientAction } from '../dhcp6/client/state.ts';
import { formatDuid } from '../dhcp6/duid.ts';
import type { Dhcp6Message } from '../dhcp6/message.ts';
import { Option } from '../dhcp6/option.ts';
import { messageTypeName } from '../dhcp6/summary.ts';

/** Undefined for what an error tells anyway. */
export function narrate(action: Dhcp6ClientAction, interfaceName: string): string | undefined {
  switch (action.type) {
    case 'send':
      return `${messageTypeName(action.message)} on ${interfaceName}`;
    case 'advertise':
      return `offer of ${serverOf(action.message)}${carried(action.message)}`;
    case 'bound':
    case 'renewed': {
      const { serverIdentifier, addresses, reason } = action.lease;
      const given = addresses.map(({ address }) => address).join(', ');
      const why = action.type === 'bound' ? `: it ${reason}` : ' for longer';
      return `${formatDuid(serverIdentifier)} gives ${given}${why}`;
    }
    case 'informed':
      return `answer of ${serverOf(action.information.reply)}${carried(action.information.reply)}`;
    case 'refused':
      return `${formatDuid(action.server)} refuses: status ${action.code} ${action.message}`.trimEnd();
    case 'lost':
      return `${action.lease.addresses.map(({ address }) => address).join(', ')} must not be used any more`;
    case 'released':
    case 'declined':
      return `the server knows that the address was ${action.type}`;
    case 'failed':
      return undefined;
  }
}

function serverOf({ options }: Dhcp6Message): string {
  const identifier = options.find(Option.serverIdentifier);
  return identifier === undefined ? 'a server' : formatDuid(identifier);
}

function carried({ options }: Dhcp6Message): string {
  const url = options.find(Option.bootFileUrl);
  return url === undefined ? ', without a boot file URL' : `, boot file URL ${JSON.stringify(url)}`;
}
