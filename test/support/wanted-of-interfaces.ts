/** What `serve` is told when it is told of one interface and nothing else. */
export const wantedOfInterfaces = {
  interfaces: ['br0'],
  pools: [],
  dhcpMode: 'auto',
  ipv6: undefined,
  relayedSubnets: [],
  router: undefined,
  reservations: [],
  authenticationKeys: [],
  dns: [],
  slp: undefined,
} as const;
