/** What reads bytes and text of SLP, given damaged and random ones. */

import {
  attributeTable,
  checkConsistent,
  decodeMessage,
  encodeMessage,
  MessageStream,
  parseAttributeList,
  parsePredicate,
  parseTargetUrl,
  Registry,
  SlpAgent,
  satisfies,
  withheldAttributes,
} from '../../src/slp/index.ts';
import { taggedBy } from '../../src/slp/tag-list.ts';
import { goldens } from '../slp/messages.ts';
import type { Random } from '../support/random.ts';
import { damaged } from './random/bytes.ts';

const messages = [goldens[0]?.[1] ?? new Uint8Array(16), ...goldens.slice(1).map(([, bytes]) => bytes)] as const;
const attributes = attributeTable(parseAttributeList('(a=1,2),(b=x y z,xx),(c=\\2cbd),(t=true),k'));
const pieces = ['(', ')', '&', '|', '!', '=', '<=', '>=', '~=', '*', 'a', 'b', '1', 'true', '\\2c', '\\', ' '] as const;
const filter = '(&(|(a=1)(!(b>=x*)))(c=\\2c*d)(iscsi-name=iqn.2001-04.com.example:a))';
const list = '(a=1,-2),(b=x y,\\2c),(o=\\FF\\00\\01),(t=true),keyword';
const url = 'service:iscsi:target://[2001:db8::5]:3260/iqn.2001-04.com.example:a\\c3\\a9/x';

const scopes = ['DEFAULT', 'Development'];
const agent = new SlpAgent({
  ownAddresses: ['192.0.2.1'],
  address: '192.0.2.1',
  scopes,
  services: { advertisements: () => [] },
  serviceTypes: ['service:iscsi:target'],
  directory: { registry: new Registry({ scopes, now: () => 0, most: 100 }), bootTimestamp: 1 },
  withheld: withheldAttributes(false),
});

const damagedText = (random: Random, text: string): string => damaged(random, Buffer.from(text)).toString();

export const slpTrials: Readonly<Record<string, (random: Random) => void>> = {
  'SLP messages': (random) => {
    encodeMessage(decodeMessage(damaged(random, random.pick(messages))));
  },
  'SLP requests': (random) => {
    const transport = random.pick<'udp' | 'tcp'>(['udp', 'tcp']);
    const from = { address: random.pick(['192.0.2.7', 'fe80::7%eth0']), transport };
    agent.receive(damaged(random, random.pick(messages)), from);
  },
  'SLP streams': (random) => {
    const bytes = Buffer.concat([random.pick(messages), damaged(random, random.pick(messages))]);
    const stream = new MessageStream(4096);
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(100);
      stream.push(bytes.subarray(at, at + length));
      at += length;
      while (stream.next() !== undefined);
    }
  },
  'SLP predicates': (random) => {
    const assembled = Array.from({ length: random.below(40) }, () => random.pick(pieces)).join('');
    satisfies(attributes, parsePredicate(random.oneIn(2) ? damagedText(random, filter) : assembled));
  },
  'SLP attribute lists': (random) => {
    checkConsistent(attributeTable(parseAttributeList(damagedText(random, list))));
  },
  'SLP tag lists': (random) => {
    taggedBy(attributes, damagedText(random, 'a,b*c,*').split(','));
  },
  'SLP URLs': (random) => {
    parseTargetUrl(damagedText(random, url));
  },
};
