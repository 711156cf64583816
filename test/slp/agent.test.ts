import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type Advertisement,
  attributeTable,
  decodeMessage,
  ErrorCode,
  encodeMessage,
  parseAttributeList,
  Registry,
  type ServiceRegistration,
  SlpAgent,
  type SlpBody,
  type SlpHeader,
  slpHeader,
  targetAttributes,
  withheldAttributes,
} from '../../src/slp/index.ts';
import { goldens } from './messages.ts';

const own = '192.0.2.1';
const printers: readonly Advertisement[] = [
  ['service:printer:lpr://igore/draft', 'en', '(name=Igore),(protocol=LPR),(resolution=res-600),x-OK'],
  ['service:printer:lpr://igore/draft', 'de', '(name=Igore),(protocol=LPR),(resolution=res-600),(ort=13te Etage)'],
  ['service:printer:http://not/pub-prn', 'en', '(name=Not),(protocol=http),(resolution=other),x-BUSY'],
].map(([url = '', languageTag = '', attributes = '']) => ({
  url,
  serviceType: url.slice(0, url.indexOf('://')),
  scopes: ['Development'],
  languageTag,
  lifetime: 600,
  attributes: attributeTable(parseAttributeList(attributes)),
}));

const target: Advertisement = {
  url: 'service:iscsi:target://192.0.2.1:3260/iqn.2001-04.com.example:a',
  serviceType: 'service:iscsi:target',
  scopes: ['DEFAULT'],
  languageTag: 'en',
  lifetime: 300,
  attributes: targetAttributes({
    targetName: 'iqn.2001-04.com.example:a',
    portalGroupTag: 1,
    initiatorNames: ['iqn.2001-04.com.example:host'],
    initiatorAddresses: ['any'],
    credentials: ['any'],
    bootList: ['iqn.2001-04.com.example:host'],
  }),
};

interface AgentOptions {
  readonly isDirectory?: boolean;
  readonly services?: readonly Advertisement[];
  readonly isIpsecPresent?: boolean;
}

function agentOf({ isDirectory = false, services = [...printers, target], isIpsecPresent = false }: AgentOptions = {}) {
  let now = 0;
  const scopes = ['DEFAULT', 'Development'];
  const registry = new Registry({ scopes, now: () => now, most: 3 });
  const agent = new SlpAgent({
    ownAddresses: [own, '198.51.100.1'],
    address: own,
    scopes,
    services: { advertisements: () => services },
    serviceTypes: ['service:printer', 'service:iscsi:target'],
    ...(isDirectory ? { directory: { registry, bootTimestamp: 1_700_000_000 } } : {}),
    withheld: withheldAttributes(isIpsecPresent),
  });
  const ask = (body: SlpBody, header: Partial<SlpHeader> = {}, from = '192.0.2.77'): SlpBody | undefined => {
    const bytes = encodeMessage({ header: slpHeader({ xid: 77, languageTag: 'en', ...header }), body });
    const answer = agent.receive(bytes, { address: from, transport: 'udp' });
    if (answer === undefined) return undefined;
    const message = decodeMessage(answer);
    assert.equal(message.header.xid, 77);
    assert.equal(message.header.languageTag, header.languageTag ?? 'en');
    assert.equal(message.header.requestMulticast, false);
    return message.body;
  };
  return { agent, registry, ask, pass: (seconds: number) => (now += seconds * 1000) };
}

const multicast = { requestMulticast: true };

function search(
  serviceType: string,
  predicate = '',
  scopes: readonly string[] = ['DEFAULT'],
  previousResponders: readonly string[] = [],
): SlpBody {
  return { kind: 'SrvRqst', previousResponders, serviceType, scopes, predicate, spi: '' };
}

const attributesOf = (url: string, scope: string, ...tags: readonly string[]): SlpBody => ({
  kind: 'AttrRqst',
  previousResponders: [],
  url,
  scopes: [scope],
  tags,
  spi: '',
});

const urlsOf = (body: SlpBody | undefined) => (body?.kind === 'SrvRply' ? body.urls.map(({ url }) => url) : undefined);
const errorOf = (body: SlpBody | undefined) => (body !== undefined && 'errorCode' in body ? body.errorCode : undefined);

describe('a service agent', () => {
  test('answers requests with the URLs that fit type, scope and predicate (RFC 2608 §8.1)', () => {
    const { ask } = agentOf();
    assert.deepEqual(urlsOf(ask(search('service:iscsi:target', '(iscsi-name=IQN.2001-04.com.example:a)'))), [
      target.url,
    ]);
    assert.deepEqual(urlsOf(ask(search('service:iscsi'))), [target.url]);
    assert.deepEqual(urlsOf(ask(search('service:printer', '(protocol=lpr)', ['development']))), [printers[0]?.url]);
    assert.equal(urlsOf(ask(search('service:printer', '', ['Development'])))?.length, 2);
    assert.deepEqual(ask(search('service:iscsi:target', '', ['x', 'default'])), {
      kind: 'SrvRply',
      errorCode: 0,
      urls: [{ url: target.url, lifetime: 300, authenticationBlocks: [] }],
    });
  });

  test('answers a unicast without match with no URL, and is silent to a multicast (§8.2)', () => {
    const { ask } = agentOf();
    const request = search('service:iscsi:target', '(iscsi-name=other)');
    assert.deepEqual(urlsOf(ask(request)), []);
    assert.equal(ask(request, multicast), undefined);
    assert.deepEqual(urlsOf(ask(search('service:iscsi:target'), multicast)), [target.url]);
  });

  test('is silent to whoever has its answer: any of its addresses in the list of previous responders (§8.1)', () => {
    const { ask } = agentOf();
    for (const list of [[own], ['192.0.2.9', '198.51.100.1']]) {
      assert.equal(ask(search('service:iscsi:target', '', ['DEFAULT'], list), multicast), undefined);
    }
    for (const list of [['192.0.2.9'], ['not an address', '192.0.2.11']]) {
      assert.deepEqual(urlsOf(ask(search('service:iscsi:target', '', ['DEFAULT'], list), multicast)), [target.url]);
    }
  });

  for (const [what, body, expected] of [
    ['another scope', search('service:iscsi:target', '', ['other']), ErrorCode.scopeNotSupported],
    ['no scope', search('service:iscsi:target', '', []), ErrorCode.scopeNotSupported],
    ['no service type', search(''), ErrorCode.parseError],
    ['a predicate that is none', search('service:iscsi:target', '(a'), ErrorCode.parseError],
    ['an escape that is none', search('service:iscsi:target', '(a=\\41)'), ErrorCode.parseError],
    [
      'a key for signatures',
      { ...search('service:iscsi:target'), spi: 'key' } as SlpBody,
      ErrorCode.authenticationUnknown,
    ],
    ['attributes in another scope', attributesOf('service:printer', 'other'), ErrorCode.scopeNotSupported],
    [
      'types in another scope',
      { kind: 'SrvTypeRqst', previousResponders: [], namingAuthority: undefined, scopes: ['other'] } as SlpBody,
      ErrorCode.scopeNotSupported,
    ],
  ] as const) {
    test(`says what is wrong with ${what} to a unicast, and nothing to a multicast (§7, §11.1)`, () => {
      const { ask } = agentOf();
      assert.equal(errorOf(ask(body)), expected);
      assert.equal(ask(body, multicast), undefined);
    });
  }

  test('compares a predicate with services of the asked language only, whatever its dialect (§8.1)', () => {
    const { ask } = agentOf();
    const request = search('service:printer', '(ort=*)', ['Development']);
    assert.equal(urlsOf(ask(request, { languageTag: 'de-CH' }))?.length, 1);
    assert.deepEqual(urlsOf(ask(request)), []);
    assert.equal(errorOf(ask(request, { languageTag: 'fr' })), ErrorCode.languageNotSupported);
    assert.equal(urlsOf(ask(search('service:printer', '', ['Development']), { languageTag: 'fr' }))?.length, 2);
  });

  test('answers the examples of §10.5', () => {
    const { ask } = agentOf();
    const byUrl = ask(attributesOf('service:printer:lpr://igore/draft', 'Development', 'resolution', 'or*'), {
      languageTag: 'de',
    });
    assert.deepEqual(byUrl, {
      kind: 'AttrRply',
      errorCode: 0,
      attributes: '(resolution=res-600),(ort=13te Etage)',
      authenticationBlocks: [],
    });
    const byType = ask(attributesOf('service:printer', 'Development', 'x-*', 'resolution', 'protocol'));
    assert.equal(
      byType?.kind === 'AttrRply' && byType.attributes,
      '(protocol=LPR,http),(resolution=res-600,other),x-OK,x-BUSY',
    );
    assert.equal(
      errorOf(ask(attributesOf('service:printer', 'Development'), { languageTag: 'fr' })),
      ErrorCode.languageNotSupported,
    );
    assert.equal(errorOf(ask(attributesOf('service:printer', 'Development', 'a\\41'))), ErrorCode.parseError);
  });

  test('tells the types of its services (§10.1)', () => {
    const { ask } = agentOf();
    const types = (namingAuthority: string | undefined) => {
      const scopes = ['DEFAULT', 'Development'];
      const body = ask({ kind: 'SrvTypeRqst', previousResponders: [], namingAuthority, scopes });
      return body?.kind === 'SrvTypeRply' ? body.serviceTypes : undefined;
    };
    const all = ['service:printer:lpr', 'service:printer:http', 'service:iscsi:target'];
    assert.deepEqual(types(undefined), all);
    assert.deepEqual(types(''), all);
    assert.deepEqual(types('acme'), []);
  });

  test('tells itself to who looks for service agents by multicast, if it has what is asked for (§8.6)', () => {
    const { ask } = agentOf();
    assert.deepEqual(ask(search('service:service-agent', '(service-type=service:printer)', []), multicast), {
      kind: 'SAAdvert',
      url: 'service:service-agent://192.0.2.1',
      scopes: ['DEFAULT', 'Development'],
      attributes: '(service-type=service:printer,service:iscsi:target)',
      authenticationBlocks: [],
    });
    assert.equal(ask(search('service:service-agent', '(service-type=nfs)', []), multicast), undefined);
    assert.equal(ask(search('service:service-agent', '', ['other']), multicast), undefined);
  });

  test('is no directory agent', () => {
    const { ask } = agentOf();
    assert.equal(ask(search('service:directory-agent', '', []), multicast), undefined);
    const registration = decodeMessage(goldens[2]?.[1] ?? new Uint8Array()).body;
    assert.deepEqual(ask(registration, { fresh: true }), { kind: 'SrvAck', errorCode: ErrorCode.messageNotSupported });
  });

  test('refuses what it would have to understand, and ignores what it need not (§9.1)', () => {
    const { ask } = agentOf();
    const request = search('service:iscsi:target');
    const unknown = (id: number) => ({ extensions: [{ id, data: new Uint8Array(2) }] });
    assert.equal(errorOf(ask(request, unknown(0x4000))), ErrorCode.optionNotUnderstood);
    assert.deepEqual(urlsOf(ask(request, unknown(0x3fff))), [target.url]);
    assert.equal(ask(request, { ...unknown(0x4000), ...multicast }), undefined);
  });

  test('tells another version on a connection that it is not spoken, and ignores it in datagrams (§7)', () => {
    const { agent } = agentOf();
    const bytes = encodeMessage({ header: slpHeader({ xid: 77, languageTag: 'en' }), body: search('service:iscsi') });
    bytes[0] = 1;
    assert.equal(agent.receive(bytes, { address: '192.0.2.7', transport: 'udp' }), undefined);
    const answer = agent.receive(bytes, { address: '192.0.2.7', transport: 'tcp' });
    assert.equal(errorOf(decodeMessage(answer ?? new Uint8Array()).body), ErrorCode.versionNotSupported);
  });

  test('does not tell who cannot reach it about a link-local service (RFC 3111 §4.2.3)', () => {
    const onLink = { ...target, url: 'service:iscsi:target://[fe80::1]:3260/iqn.2001-04.com.example:a' };
    const { ask } = agentOf({ services: [onLink] });
    assert.deepEqual(urlsOf(ask(search('service:iscsi'), {}, 'fe80::2%eth0')), [onLink.url]);
    assert.deepEqual(urlsOf(ask(search('service:iscsi'), {}, '2001:db8::2')), []);
  });

  test('whatever comes, it raises nothing, and answers no multicast with an error', () => {
    const { agent } = agentOf({ isDirectory: true });
    const anyGolden = fc.constantFrom(...goldens.map(([, bytes]) => bytes));
    fc.assert(
      fc.property(
        anyGolden,
        fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
        fc.boolean(),
        (bytes, damage, tcp) => {
          const changed = Buffer.from(bytes);
          for (const [at, value] of damage) if (at < changed.length) changed[at] = value;
          const answer = agent.receive(changed, { address: '192.0.2.7', transport: tcp ? 'tcp' : 'udp' });
          if (answer === undefined) return;
          const wasMulticast = changed[0] === 2 && ((changed[5] ?? 0) & 0x20) !== 0;
          assert.ok(!wasMulticast || (errorOf(decodeMessage(answer).body) ?? 0) === 0);
        },
      ),
    );
  });
});

describe('security policy (RFC 4018 §5.2, §6.1)', () => {
  const policy = ['auth-name', 'auth-addr', 'auth-cred', 'boot-list'];

  test('decides who finds a target, and is told to nobody without IPsec', () => {
    const { ask } = agentOf();
    assert.deepEqual(urlsOf(ask(search('service:iscsi:target', '(auth-name=iqn.2001-04.com.example:host)'))), [
      target.url,
    ]);
    assert.deepEqual(urlsOf(ask(search('service:iscsi:target', '(auth-name=iqn.2001-04.com.example:other)'))), []);
    for (const tags of [[], policy, ['*']]) {
      for (const url of [target.url, 'service:iscsi']) {
        const body = ask(attributesOf(url, 'DEFAULT', ...tags));
        assert.ok(body?.kind === 'AttrRply' && policy.every((tag) => !body.attributes.includes(tag)), `${url} ${tags}`);
      }
    }
  });

  test('is told where IPsec is', () => {
    const { ask } = agentOf({ isIpsecPresent: true });
    const body = ask(attributesOf(target.url, 'DEFAULT'));
    assert.ok(body?.kind === 'AttrRply' && policy.every((tag) => body.attributes.includes(`(${tag}=`)));
  });
});

function registration(
  url: string,
  given: Partial<ServiceRegistration> & { readonly lifetime?: number } = {},
): ServiceRegistration {
  const { lifetime = 60, ...rest } = given;
  return {
    kind: 'SrvReg',
    url: { url, lifetime, authenticationBlocks: [] },
    serviceType: 'service:x',
    scopes: ['DEFAULT'],
    attributes: '(a=1),(b=2),(c=3)',
    authenticationBlocks: [],
    ...rest,
  };
}

describe('a directory agent', () => {
  const fresh = { fresh: true };
  const url = 'service:x://a.org';
  const found = (ask: ReturnType<typeof agentOf>['ask']) => urlsOf(ask(search('service:x')));
  const deregistration = (scopes: readonly string[], tags: readonly string[] = []): SlpBody => ({
    kind: 'SrvDeReg',
    scopes,
    url: { url, lifetime: 0, authenticationBlocks: [] },
    tags,
  });

  test('tells itself by multicast and by unicast (RFC 2608 §8.5, §12.1)', () => {
    const { ask, agent } = agentOf({ isDirectory: true });
    const advertisement = {
      kind: 'DAAdvert',
      errorCode: 0,
      bootTimestamp: 1_700_000_000,
      url: 'service:directory-agent://192.0.2.1',
      scopes: ['DEFAULT', 'Development'],
      attributes: '',
      spis: [],
      authenticationBlocks: [],
    };
    for (const scopes of [[], ['default']]) {
      assert.deepEqual(ask(search('service:directory-agent', '', scopes)), advertisement);
      assert.deepEqual(ask(search('service:directory-agent', '', scopes), multicast), advertisement);
    }
    assert.equal(ask(search('service:directory-agent', '', ['other']), multicast), undefined);
    assert.equal(errorOf(ask(search('service:directory-agent', '', ['other']))), ErrorCode.scopeNotSupported);
    const unsolicited = decodeMessage(agent.unsolicitedAdvertisement('en', false) ?? new Uint8Array());
    assert.equal(unsolicited.header.xid, 0);
    assert.deepEqual(unsolicited.body, advertisement);
    const last = decodeMessage(agent.unsolicitedAdvertisement('en', true) ?? new Uint8Array());
    assert.deepEqual(last.body, { ...advertisement, bootTimestamp: 0 });
  });

  test('keeps a registration for its lifetime, and tells how much is left (§8.3, §12.1)', () => {
    const { ask, pass, registry } = agentOf({ isDirectory: true });
    assert.equal(errorOf(ask(registration(url), fresh)), ErrorCode.ok);
    pass(20);
    const body = ask(search('service:x', '(b=2)'));
    assert.equal(body?.kind === 'SrvRply' && body.urls[0]?.lifetime, 40);
    pass(40);
    assert.deepEqual(found(ask), []);
    assert.equal(registry.size, 0);
  });

  test('leaves multicasts to the service agents', () => {
    const { ask } = agentOf({ isDirectory: true });
    ask(registration(url), fresh);
    assert.equal(ask(search('service:x'), multicast), undefined);
    assert.equal(ask(registration('service:x://b'), { ...fresh, ...multicast }), undefined);
  });

  test('updates what it knows by an incremental registration (§9.3)', () => {
    const { ask } = agentOf({ isDirectory: true });
    assert.equal(errorOf(ask(registration(url))), ErrorCode.invalidUpdate);
    ask(registration(url), fresh);
    assert.equal(errorOf(ask(registration(url, { attributes: '(C=30),(d=40)' }))), ErrorCode.ok);
    const body = ask(attributesOf(url, 'DEFAULT'));
    assert.equal(body?.kind === 'AttrRply' && body.attributes, '(a=1),(b=2),(C=30),(d=40)');
    assert.equal(errorOf(ask(registration(url, { scopes: ['Development'] }))), ErrorCode.scopeNotSupported);
    assert.equal(errorOf(ask(registration(url, { serviceType: 'service:y' }))), ErrorCode.invalidUpdate);
    ask(registration(url, { attributes: 'z' }), fresh);
    const replaced = ask(attributesOf(url, 'DEFAULT'));
    assert.equal(replaced?.kind === 'AttrRply' && replaced.attributes, 'z');
  });

  for (const [what, body, header, expected] of [
    ['no lifetime', registration(url, { lifetime: 0 }), fresh, ErrorCode.invalidRegistration],
    ['no language', registration(url), { ...fresh, languageTag: '' }, ErrorCode.invalidRegistration],
    ['values of two types', registration(url, { attributes: '(x=4,sue)' }), fresh, ErrorCode.invalidRegistration],
    ['attributes that are none', registration(url, { attributes: '(x' }), fresh, ErrorCode.parseError],
    ['a scope it has not', registration(url, { scopes: ['DEFAULT', 'other'] }), fresh, ErrorCode.scopeNotSupported],
    ['no scope', registration(url, { scopes: [] }), fresh, ErrorCode.scopeNotSupported],
    [
      'a signature that it cannot check',
      registration(url, {
        authenticationBlocks: [
          { blockStructureDescriptor: 2, timestamp: 1, spi: 'k', structuredBlock: new Uint8Array(4) },
        ],
      }),
      fresh,
      ErrorCode.authenticationUnknown,
    ],
    ['a URL of this machine’s own', registration(target.url), fresh, ErrorCode.invalidRegistration],
  ] as const) {
    test(`refuses a registration with ${what} (§7, §8.3, §12.5)`, () => {
      const { ask, registry } = agentOf({ isDirectory: true });
      assert.deepEqual(ask(body, header), { kind: 'SrvAck', errorCode: expected });
      assert.equal(registry.size, 0);
    });
  }

  test('has room for so many registrations and so many bytes, and is busy for more', () => {
    const { ask, registry } = agentOf({ isDirectory: true });
    const codes = [1, 2, 3, 4].map((number) => errorOf(ask(registration(`${url}/${number}`), fresh)));
    assert.deepEqual(codes, [0, 0, 0, ErrorCode.busyNow]);
    assert.equal(errorOf(ask(registration(`${url}/1`), fresh)), ErrorCode.ok);
    assert.equal(registry.size, 3);
    const small = new Registry({ scopes: ['DEFAULT'], now: () => 0, mostBytes: 100 });
    const header = { languageTag: 'en', fresh: true };
    assert.equal(small.register(header, registration(url, { attributes: 'x'.repeat(50) })), ErrorCode.ok);
    assert.equal(small.register(header, registration(`${url}/2`, { attributes: 'x'.repeat(50) })), ErrorCode.busyNow);
    assert.equal(small.register(header, registration(url, { attributes: 'y'.repeat(60) })), ErrorCode.ok);
  });

  test('forgets a service, or some of its attributes, in the scopes in which it was registered (§10.6)', () => {
    const { ask } = agentOf({ isDirectory: true });
    ask(registration(url), fresh);
    assert.equal(errorOf(ask(deregistration(['Development']))), ErrorCode.scopeNotSupported);
    assert.equal(errorOf(ask(deregistration(['DEFAULT'], ['a', 'B*']))), ErrorCode.ok);
    const body = ask(attributesOf(url, 'DEFAULT'));
    assert.equal(body?.kind === 'AttrRply' && body.attributes, '(c=3)');
    assert.equal(errorOf(ask(deregistration(['DEFAULT']))), ErrorCode.ok);
    assert.deepEqual(found(ask), []);
    // The first may have come, and its acknowledgement not.
    assert.equal(errorOf(ask(deregistration(['DEFAULT']))), ErrorCode.ok);
  });
});
