import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DhcpServerEvent, encodeMessage, ProxyDhcpServer } from '../../src/dhcp/index.ts';
import { beginsIpv6Wait } from '../../src/server/router-advertisement.ts';
import { ipxeDiscover, ipxeRequest, ovmfPxeDiscover, udhcpcDiscover } from '../dhcp/captures.ts';
import { anywhere, ip, select } from '../dhcp/support.ts';

/** How often a proxy that hears these messages would say that there is no router. */
async function advertisements(...messages: readonly Uint8Array[]): Promise<number> {
  const events: DhcpServerEvent[] = [];
  const proxy = new ProxyDhcpServer({
    serverIdentifier: ip('192.0.2.1'),
    bootFor: () => undefined,
    onEvent: (event) => events.push(event),
  });
  for (const message of messages) await proxy.receive(message, anywhere, 'server');
  return events.filter(beginsIpv6Wait).length;
}

describe('the router advertisement that ends iPXE’s wait for IPv6', () => {
  test('is due once in an exchange of iPXE, also when another server gives the address', async () => {
    assert.equal(await advertisements(ipxeDiscover), 0);
    assert.equal(await advertisements(ipxeDiscover, ipxeRequest), 1);
  });

  test('is due for nobody else', async () => {
    assert.equal(await advertisements(ovmfPxeDiscover, udhcpcDiscover, encodeMessage(select(ip('192.0.2.10')))), 0);
  });
});
