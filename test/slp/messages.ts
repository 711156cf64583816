/** Messages of every function, as bytes and as what they say. */

import type { SlpBody, SlpMessage } from '../../src/slp/index.ts';
import { slpHeader } from '../../src/slp/index.ts';

export const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');
/** A string behind its length. */
const str = (text: string) => `${text.length.toString(16).padStart(4, '0')}${ascii(text)}`;

export const targetUrl = 'service:iscsi:target://192.0.2.3:3260/iqn.2001-04.com.example:sn.456';
const printer = 'service:printer:lpr://igore.wco.ftp.com/draft';

/** A message of version 2 whose header has the given function, flags and XID. */
function bytes(functionId: number, flags: string, xid: string, body: string): Uint8Array {
  const length = (16 + body.length / 2).toString(16).padStart(6, '0');
  return hex(`02${functionId.toString(16).padStart(2, '0')}${length}${flags}000000${xid}0002656e${body}`);
}

function message(body: SlpBody, given: Partial<SlpMessage['header']> = {}): SlpMessage {
  return { header: slpHeader({ xid: 0x1234, languageTag: 'en', ...given }), body };
}

const signature = {
  blockStructureDescriptor: 2,
  timestamp: 0x65000000,
  spi: 'key',
  structuredBlock: hex('3006020101020102'),
};

export const goldens: readonly (readonly [name: string, bytes: Uint8Array, message: SlpMessage])[] = [
  [
    'a multicast service request with query 1',
    hex(`02010000602000000000 1234 0002656e 0000 0014 736572766963653a69736373693a746172676574 0007 44454641554c54
      002b 2869736373692d6e616d653d69716e2e323030312d30342e636f6d2e6578616d706c653a736e2e34353629 0000`),
    message(
      {
        kind: 'SrvRqst',
        previousResponders: [],
        serviceType: 'service:iscsi:target',
        scopes: ['DEFAULT'],
        predicate: '(iscsi-name=iqn.2001-04.com.example:sn.456)',
        spi: '',
      },
      { requestMulticast: true },
    ),
  ],
  [
    'a service reply with one URL',
    hex(`0202 00005e 0000 000000 1234 0002656e 0000 0001 00 012c 0044
      736572766963653a69736373693a7461726765743a2f2f3139322e302e322e333a333236302f69716e2e323030312d30342e636f6d2e6578616d706c653a736e2e343536 00`),
    message({
      kind: 'SrvRply',
      errorCode: 0,
      urls: [{ lifetime: 300, url: targetUrl, authenticationBlocks: [] }],
    }),
  ],
  [
    'a fresh registration with a signature',
    bytes(
      3,
      '4000',
      '1234',
      `00ffff${str(printer)}01 0002 0015 65000000 ${str('key')} 3006020101020102 ${str('service:printer:lpr')}${str(
        'Development',
      )}${str('(resolution=res-600),x-OK')}00`.replaceAll(' ', ''),
    ),
    message(
      {
        kind: 'SrvReg',
        url: { lifetime: 65_535, url: printer, authenticationBlocks: [signature] },
        serviceType: 'service:printer:lpr',
        scopes: ['Development'],
        attributes: '(resolution=res-600),x-OK',
        authenticationBlocks: [],
      },
      { fresh: true },
    ),
  ],
  [
    'a deregistration of two attributes',
    bytes(4, '0000', '1234', `${str('A,B')}000000${str(printer)}00${str('x-OK,loc*')}`),
    message({
      kind: 'SrvDeReg',
      scopes: ['A', 'B'],
      url: { lifetime: 0, url: printer, authenticationBlocks: [] },
      tags: ['x-OK', 'loc*'],
    }),
  ],
  ['an acknowledgement', bytes(5, '0000', '1234', '000d'), message({ kind: 'SrvAck', errorCode: 13 })],
  [
    'an attribute request',
    bytes(6, '2000', '1234', `${str('192.0.2.7')}${str('service:printer')}${str('Development')}${str('x-*')}0000`),
    message(
      {
        kind: 'AttrRqst',
        previousResponders: ['192.0.2.7'],
        url: 'service:printer',
        scopes: ['Development'],
        tags: ['x-*'],
        spi: '',
      },
      { requestMulticast: true },
    ),
  ],
  [
    'an attribute reply',
    bytes(7, '0000', '1234', `0000${str('(protocols=http,LPR),x-OK')}00`),
    message({ kind: 'AttrRply', errorCode: 0, attributes: '(protocols=http,LPR),x-OK', authenticationBlocks: [] }),
  ],
  [
    'an unsolicited advertisement of a directory agent',
    bytes(
      8,
      '0000',
      '0000',
      `000065012345${str('service:directory-agent://192.0.2.1')}${str('DEFAULT')}${str('')}${str('')}00`,
    ),
    message(
      {
        kind: 'DAAdvert',
        errorCode: 0,
        bootTimestamp: 0x65012345,
        url: 'service:directory-agent://192.0.2.1',
        scopes: ['DEFAULT'],
        attributes: '',
        spis: [],
        authenticationBlocks: [],
      },
      { xid: 0 },
    ),
  ],
  [
    'a request for the types of all authorities',
    bytes(9, '0000', '1234', `0000ffff${str('DEFAULT')}`),
    message({ kind: 'SrvTypeRqst', previousResponders: [], namingAuthority: undefined, scopes: ['DEFAULT'] }),
  ],
  [
    'a request for the types of IANA',
    bytes(9, '0000', '1234', `00000000${str('DEFAULT')}`),
    message({ kind: 'SrvTypeRqst', previousResponders: [], namingAuthority: '', scopes: ['DEFAULT'] }),
  ],
  [
    'a list of types',
    bytes(10, '0000', '1234', `0000${str('service:iscsi:target,service:iscsi:sms')}`),
    message({ kind: 'SrvTypeRply', errorCode: 0, serviceTypes: ['service:iscsi:target', 'service:iscsi:sms'] }),
  ],
  [
    'an advertisement of a service agent',
    bytes(
      11,
      '0000',
      '1234',
      `${str('service:service-agent://192.0.2.1')}${str('DEFAULT')}${str('(service-type=service:iscsi:target)')}00`,
    ),
    message({
      kind: 'SAAdvert',
      url: 'service:service-agent://192.0.2.1',
      scopes: ['DEFAULT'],
      attributes: '(service-type=service:iscsi:target)',
      authenticationBlocks: [],
    }),
  ],
  [
    'an acknowledgement with extensions',
    hex(`0205 00001f 0000 000012 1234 0002656e 0000 4001 000019 aabb 0002 000000 cc`),
    message(
      { kind: 'SrvAck', errorCode: 0 },
      {
        extensions: [
          { id: 0x4001, data: hex('aabb') },
          { id: 2, data: hex('cc') },
        ],
      },
    ),
  ],
];
