/** Everything that reads bytes or text of a peer, given damaged and random ones: it raises nothing but a ProtocolError. */

import { DisklessError, ProtocolError } from '../../src/bytes/index.ts';
import { decodeAdditionalHeaders } from '../../src/iscsi/additional-header.ts';
import { parseBinary } from '../../src/iscsi/chap.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { Negotiation } from '../../src/iscsi/negotiation.ts';
import { defaultWishes } from '../../src/iscsi/parameters.ts';
import { type Pdu, PduReader } from '../../src/iscsi/pdu-reader.ts';
import { writePdu } from '../../src/iscsi/pdu-writer.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import { IsnsClient } from '../../src/isns/client.ts';
import { decodeRequest, decodeResponse, encodeRequest } from '../../src/isns/message.ts';
import { decodeDatagram, MessageReader } from '../../src/isns/message-reader.ts';
import { FunctionId, encodeMessage as isnsPdus } from '../../src/isns/pdu.ts';
import { decodeRecord } from '../../src/isns/registry/record.ts';
import { Registry } from '../../src/isns/registry/registry.ts';
import { defaultRegistrySettings } from '../../src/isns/registry/settings.ts';
import { bootListOf, targetQuery, targetsOf } from '../../src/isns/target-query.ts';
import {
  applyModePages,
  decodeDesignators,
  decodeLbaStatus,
  decodeLun,
  decodeLunList,
  decodeSense,
  decodeStandardInquiry,
  decodeUnmap,
  defaultModeState,
  encodeSense,
} from '../../src/scsi/index.ts';
import { decodeReserveOut } from '../../src/scsi/persistent-reserve-out.ts';
import { decodeCopyRequest } from '../../src/scsi/third-party-copy/extended-copy.ts';
import { inspectRodToken } from '../../src/scsi/third-party-copy/rod-token.ts';
import { decodePopulateToken, decodeWriteUsingToken } from '../../src/scsi/third-party-copy/token-request.ts';
import { decodeTransportId } from '../../src/scsi/transport-id.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { dhcpTrials } from './dhcp-trials.ts';
import { dhcp6Trials } from './dhcp6-trials.ts';
import { ibftTrials } from './ibft-trials.ts';
import { nbdTrials } from './nbd-trials.ts';
import { anyU32, damaged, randomBytes } from './random/bytes.ts';
import { randomCdb, randomParameterList } from './random/command.ts';
import { randomIsnsAttributes } from './random/isns.ts';
import { randomKeys } from './random/login.ts';
import { rootPathTrials } from './root-path-trials.ts';
import { slpSearchTrials } from './slp-search-trials.ts';
import { slpTrials } from './slp-trials.ts';
import { tftpTrials } from './tftp-trials.ts';

/** A parser, and what it is given. */
type Trial = (random: Random) => void | Promise<void>;

const trials: Readonly<Record<string, Trial>> = {
  'PDUs cut anywhere': (random) => {
    const headerDigest = random.oneIn(2);
    const dataDigest = random.oneIn(2);
    const sent = Array.from({ length: 1 + random.below(4) }, () => randomWhole(random));
    const parts: Uint8Array[] = [];
    for (const { header, data } of sent) {
      const ahsLength = random.oneIn(4) && !headerDigest ? random.below(3) : 0;
      header[4] = ahsLength;
      writePdu((part) => parts.push(part), header, [data], { headerDigest, dataDigest });
      if (ahsLength > 0) parts.splice(parts.lastIndexOf(header) + 1, 0, new Uint8Array(ahsLength * 4));
    }
    const read = readAll(random, Buffer.concat(parts), headerDigest, dataDigest);
    const same = read.every(
      (pdu, index) =>
        pdu.dataDigestOk &&
        Buffer.compare(pdu.header, sent[index]?.header ?? pdu.ahs) === 0 &&
        Buffer.concat(pdu.data).equals(sent[index]?.data ?? Buffer.alloc(0)),
    );
    if (read.length !== sent.length || !same) throw new Error('other PDUs were read than were written');
  },
  'a stream of anything': (random) => {
    const bytes = damaged(random, Buffer.concat([randomWhole(random).header, randomBytes(random, random.below(400))]));
    readAll(random, bytes, random.oneIn(3), random.oneIn(3));
  },
  text: (random) => {
    const pairs = randomKeys(random);
    const again = decodeText(encodeText(pairs.filter(({ key }) => /^[A-Za-z]/.test(key))));
    if (again.some(({ key, value }) => !pairs.some((pair) => pair.key === key && pair.value === value))) {
      throw new Error('text does not come back as it was');
    }
    decodeText(damaged(random, encodeText(pairs)));
  },
  negotiation: (random) => {
    const negotiation = new Negotiation(defaultWishes, random.oneIn(4) ? 'Discovery' : 'Normal');
    for (const pair of randomKeys(random)) negotiation.receive(pair);
    const { maxBurstLength, firstBurstLength, maxSendDataSegmentLength, maxOutstandingR2T } = negotiation.parameters();
    const lengths = [maxBurstLength, firstBurstLength, maxSendDataSegmentLength];
    const sound = lengths.every((length) => length >= 512 && length <= 0xff_ffff) && maxOutstandingR2T >= 1;
    if (!sound) throw new Error(`a negotiation ended with lengths ${lengths.join(', ')}`);
  },
  ...dhcpTrials,
  numbers: (random) => {
    const forms = ['0x', '0X', '0b', '0B', '', '-', '+'] as const;
    parseBinary(
      random.pick(forms) + randomBytes(random, random.below(40)).toString(random.oneIn(2) ? 'hex' : 'base64'),
    );
  },
  ...nbdTrials,
  names: (random) => {
    const name = Buffer.from('iqn.2001-04.com.example:disk\u00e9');
    parseIscsiName(random.oneIn(2) ? damaged(random, name).toString() : randomBytes(random, 40).toString('latin1'));
  },
  sense: (random) => {
    const sense = encodeSense(
      { key: random.below(16), code: anyU32(random) & 0xffff },
      random.pick(['fixed', 'descriptor']),
    );
    decodeSense(damaged(random, sense));
    decodeSense(randomBytes(random, random.below(40)));
  },
  'parameter lists': (random) => {
    const list = randomParameterList(random, random.below(200));
    decodeUnmap(list);
    applyModePages(list, defaultModeState, { writeCache: random.oneIn(2) });
    decodeReserveOut(randomCdb(random), list);
    decodeCopyRequest(list);
    decodePopulateToken(list);
    decodeWriteUsingToken(list);
    inspectRodToken(list);
    decodeTransportId(list, 0);
  },
  'iSNS messages cut anywhere': (random) => {
    const operating = randomIsnsAttributes(random);
    const payload = encodeRequest({ source: undefined, key: randomIsnsAttributes(random), operating });
    const functionId = (1 + random.below(FunctionId.heartbeat)) | (random.oneIn(3) ? 0x8000 : 0);
    const message = { functionId, transactionId: random.below(4), sender: 'server', replace: false, payload } as const;
    const bytes = damaged(random, Buffer.concat(isnsPdus(message, 4 * (1 + random.below(40)))));
    attempt(() => void decodeDatagram(bytes));
    attempt(() => void decodeRecord(random.pick(['entity', 'node', 'domain', 'counter']), 'portal', bytes));
    const client = new IsnsClient({ source: 'iqn.2001-04.com.example:init', write: () => {} });
    client.request(targetQuery(undefined)).catch(() => {});
    const reader = new MessageReader(4096);
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(30);
      reader.push(bytes.subarray(at, at + length));
      attempt(() => client.receive(bytes.subarray(at, at + length)));
      at += length;
      for (let whole = reader.next(); whole !== undefined; whole = reader.next()) {
        decodeRequest(whole.payload);
        const { operating: found } = decodeResponse(whole.payload);
        attempt(() => void targetsOf(found));
        attempt(() => void bootListOf(found, 'iqn.2001-04.com.example:init'));
      }
    }
  },
  'iSNS requests': (random) => {
    const name = 'iqn.2001-04.com.example:init';
    const settings = { ...defaultRegistrySettings, parseName: parseIscsiName, controlNodes: new Set([name]) };
    const registry = new Registry(settings, [], 0);
    for (let count = 0; count < 6; count++) {
      const [source] = randomIsnsAttributes(random, 32);
      const payload = encodeRequest({
        source,
        key: randomIsnsAttributes(random),
        operating: randomIsnsAttributes(random),
      });
      const functionId = 1 + random.below(13);
      const sent = random.oneIn(4) ? damaged(random, Buffer.from(payload)) : payload;
      const replace = random.oneIn(3);
      registry.handle({ version: 1, functionId, transactionId: 1, sender: 'client', replace, payload: sent }, count);
      registry.poll(count * 1000);
      registry.takeNotifications(count);
      for (const { type, key, record } of registry.takeChanges())
        if (record !== undefined) decodeRecord(type, key, record);
    }
  },
  'additional headers': (random) => {
    decodeAdditionalHeaders(randomBytes(random, 4 * random.below(64)));
  },
  ...ibftTrials,
  ...rootPathTrials,
  ...tftpTrials,
  ...dhcp6Trials,
  ...slpTrials,
  ...slpSearchTrials,
  'parameter data': (random) => {
    const data = randomParameterList(random, random.below(200));
    for (const decode of [decodeDesignators, decodeLbaStatus, decodeLunList, decodeStandardInquiry]) {
      attempt(() => void decode(data));
    }
    decodeLun(randomBytes(random, 8));
  },
};

const names = Object.keys(trials);

export class ParserWorld {
  readonly violations: string[] = [];
  lastInput = '';
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  async open(): Promise<void> {}

  async input(): Promise<void> {
    this.lastInput = names[this.#random.below(names.length)] ?? '';
    try {
      const done = trials[this.lastInput]?.(this.#random);
      if (done !== undefined) await done;
    } catch (error) {
      if (isRefusal(error)) return;
      this.violations.push(error instanceof Error ? `${error.stack}` : String(error));
    }
  }

  async close(): Promise<void> {}
}

/** An error with a code is what bad input is to get. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError || error instanceof DisklessError;
}

function attempt(trial: () => void): void {
  try {
    trial();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

function randomWhole(random: Random): { header: Buffer; data: Buffer } {
  const header = randomBytes(random, 48);
  header.fill(0, 4, 8);
  return { header, data: randomBytes(random, random.below(random.oneIn(4) ? 3000 : 20)) };
}

function readAll(random: Random, bytes: Uint8Array, headerDigest: boolean, dataDigest: boolean): Pdu[] {
  const reader = new PduReader({ maxDataSegmentLength: 4096, headerDigest, dataDigest });
  const pdus: Pdu[] = [];
  const typical = random.pick([1, 7, 48, 500]);
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(typical * 2);
    reader.push(bytes.subarray(at, at + length));
    at += length;
    for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) pdus.push(pdu);
  }
  return pdus;
}
