import type { Command } from 'commander';
import { DisklessError, type Ipv4Address, type Ipv6Address, parseIpv4, parseIpv6 } from '../../../bytes/index.ts';
import type { Host } from '../../../fleet/host.ts';
import { checkHostAddress } from '../../../server/host-address.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { findHost, hostSetting, keptText } from '../../host-record.ts';
import { serveSettings } from '../../serve-settings.ts';
import { type Setting, setting, textual } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';

/** What becomes of an address: `undefined` leaves it, `none` removes it. */
type Change<Address> = Address | 'none' | undefined;

function addressSetting<Address>(family: string, parse: (text: string) => Address): Setting<Change<Address>> {
  return setting({
    help: `${family} address that is kept for the machine, given at its next boot; none: the pool has one`,
    placeholder: 'address|none',
    schema: textual((text): Change<Address> => (text === 'none' ? text : parse(text))).optional(),
    fallback: undefined,
  });
}

const setSettings = {
  host: hostSetting,
  ipv4: addressSetting<Ipv4Address>('IPv4', parseIpv4),
  ipv6: addressSetting<Ipv6Address>('IPv6', parseIpv6),
  ...directorySettings,
};

export function registerHostSet(host: Command): void {
  const command = host.command('set').description('keep an address for a machine, of either family or of both');
  addAction(command, setSettings, { alsoIn: serveSettings }, async (settings) => {
    const { ipv4, ipv6 } = settings;
    if (ipv4 === undefined && ipv6 === undefined) {
      throw new DisklessError('USAGE_HOST_UNCHANGED', 'nothing was said of the machine', {
        hint: 'Give --ipv4 or --ipv6 with an address, or with none to remove it.',
      });
    }
    await withDirectory(settings.data, async ({ fleet, pool }) => {
      const { hardwareAddress, host: before } = findHost({ fleet, pool }, settings.host);
      if (before === undefined) {
        throw new DisklessError('HOST_UNKNOWN', `of ${hardwareAddress} only its disk is left, and no record`, {
          hint: 'It has one again once it has booted; "diskless serve --reserve" keeps an address without.',
        });
      }
      for (const address of [ipv4, ipv6]) {
        if (address === undefined || address === 'none') continue;
        checkHostAddress(fleet, hardwareAddress, address, Date.now());
      }
      const after: Host = {
        ...before,
        address: changed(before.address, ipv4),
        ipv6Address: changed(before.ipv6Address, ipv6),
      };
      await fleet.hosts.save(after);
      const text = `${hardwareAddress}: ${keptText(after)}`;
      process.stdout.write(settings.json ? `${JSON.stringify(after, undefined, 2)}\n` : `${text}\n`);
    });
  });
}

function changed<Address>(before: Address | undefined, change: Change<Address>): Address | undefined {
  if (change === undefined) return before;
  return change === 'none' ? undefined : change;
}
