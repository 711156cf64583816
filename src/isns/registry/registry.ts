/**
 * An iSNS server without its sockets (RFC 4171): requests in, responses out; beside them what is to be told to others, and what is to be
 * kept before a response leaves.
 */

import { ProtocolError } from '../../bytes/index.ts';
import { type Attribute, numberOf, textOf } from '../attribute.ts';
import { managementBits } from '../bitmap.ts';
import { decodeRequest, encodeResponse, type RequestSections, type ResponseSections } from '../message.ts';
import { FunctionId, ISNSP_VERSION, type IsnsMessage, responseTo } from '../pdu.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import { Changes } from './changes.ts';
import { type Change, Database } from './database.ts';
import { deregister } from './deregistration.ts';
import { deregisterDomain, registerDomain } from './domain-registration.ts';
import { deregisterDomainSet, registerDomainSet } from './domain-set-registration.ts';
import { type Inquiry, Monitor } from './monitor.ts';
import { type Notification, notifications } from './notification.ts';
import type { StorageNode } from './objects.ts';
import { preparedName, withPreparedNames } from './prepared-names.ts';
import { answerGetNext, answerQuery } from './query.ts';
import type { RegistryRecord } from './record.ts';
import { register } from './registration.ts';
import { Rejection } from './rejection.ts';
import { Scope } from './scope.ts';
import type { RegistrySettings } from './settings.ts';

/** Who asks, once that is known. */
interface Asker {
  readonly source: string;
  readonly isControlNode: boolean;
}

interface Call extends Asker {
  readonly sections: RequestSections;
  readonly replace: boolean;
  /** Seconds since the Unix epoch. */
  readonly now: number;
}

type Answer = Partial<Pick<ResponseSections, 'key' | 'operating'>>;

export interface AdministrativeRequest {
  readonly functionId: number;
  readonly key?: readonly Attribute[];
  readonly operating?: readonly Attribute[];
  readonly replace?: boolean;
}

export class Registry {
  readonly #settings: RegistrySettings;
  readonly #database: Database;
  readonly #changes = new Changes();
  readonly #monitor: Monitor;

  /** `records` are what was kept; `now` is in seconds. Every registration of old gets its whole period again. */
  constructor(settings: RegistrySettings, records: Iterable<RegistryRecord>, now: number) {
    this.#settings = settings;
    this.#database = Database.from(records);
    this.#monitor = new Monitor(this.#database, this.#changes, settings);
    for (const entity of [...this.#database.entities.values()]) this.#database.touch(entity, now);
  }

  /** The response; undefined for what has none. `now` is in seconds. */
  handle(message: IsnsMessage, now: number): Omit<IsnsMessage, 'version'> | undefined {
    const { functionId, transactionId } = message;
    if (functionId === FunctionId.heartbeat) return undefined;
    const answer = this.#answer(message, now);
    return {
      functionId: responseTo(functionId),
      transactionId,
      sender: 'server',
      replace: false,
      payload: encodeResponse(answer),
    };
  }

  #answer({ version, functionId, payload, replace }: IsnsMessage, now: number): ResponseSections {
    return this.#attempt(() => {
      if (version !== ISNSP_VERSION) throw new Rejection(Status.versionNotSupported, `version ${version} is unknown`);
      if (!this.#isKnown(functionId)) throw new Rejection(Status.messageNotSupported, 'the function is unknown');
      const sections = decodeRequest(payload);
      const asker = this.#askerOf(sections);
      const entity = this.#database.entities.get(this.#database.nodes.get(asker.source)?.entity ?? '');
      // Every message of a client makes its registration last (RFC 4171 §6.2.6).
      if (entity !== undefined) this.#database.touch(entity, now);
      return this.#perform(functionId, { ...asker, sections, replace, now });
    });
  }

  /** What an administrator wants: as a control node asks for it, without being registered. */
  administer(
    { functionId, key = [], operating = [], replace = false }: AdministrativeRequest,
    now: number,
  ): ResponseSections {
    const sections = { source: undefined, key, operating };
    return this.#attempt(() => this.#perform(functionId, { source: '', isControlNode: true, sections, replace, now }));
  }

  #attempt(perform: () => Answer): ResponseSections {
    try {
      return { status: Status.successful, key: [], operating: [], ...perform() };
    } catch (error) {
      if (error instanceof Rejection) return { status: error.status, key: [], operating: error.attributes };
      if (error instanceof ProtocolError) return { status: Status.messageFormatError, key: [], operating: [] };
      throw error;
    }
  }

  #isKnown(functionId: number): boolean {
    return functionId >= FunctionId.devAttrReg && functionId <= FunctionId.ddsDereg && functionId !== FunctionId.scn;
  }

  /** RFC 4171 §5.6.1 */
  #askerOf({ source }: RequestSections): Asker {
    if (source === undefined) throw new Rejection(Status.sourceAbsent, 'nobody says who asks');
    if (source.tag !== Tag.iscsiName) throw new Rejection(Status.sourceUnknown, 'only iSCSI nodes are known here');
    const name = textOf(preparedName(source, this.#settings.parseName));
    return { source: name, isControlNode: this.#settings.controlNodes.has(name) };
  }

  #perform(functionId: number, asked: Call): Answer {
    const sections = withPreparedNames(functionId, asked.sections, this.#settings.parseName);
    const call = { ...asked, sections };
    const { source, isControlNode } = call;
    const request = { database: this.#database, changes: this.#changes, settings: this.#settings };
    switch (functionId) {
      case FunctionId.devAttrReg:
        return register({ ...request, ...call }, sections);
      case FunctionId.devAttrQry:
        return answerQuery(this.#database, this.#scopeOf(call), sections);
      case FunctionId.devGetNext:
        return answerGetNext(this.#scopeOf(call), sections);
      case FunctionId.devDereg:
        this.#requireKnown(call);
        deregister({ ...request, source, isControlNode }, sections.operating);
        return {};
      case FunctionId.scnReg:
        return this.#registerForChanges(call);
      case FunctionId.scnDereg:
        this.#database.put({ ...this.#ownNode(call, Status.scnRegistrationRejected), scnBitmap: 0 });
        return {};
      case FunctionId.scnEvent:
        return this.#requestNotification(call);
      case FunctionId.ddReg:
        this.#requireControl(call);
        return { key: sections.key, operating: registerDomain(request, sections) };
      case FunctionId.ddDereg:
        this.#requireControl(call);
        deregisterDomain(request, sections);
        return {};
      case FunctionId.ddsReg:
        this.#requireControl(call);
        return { key: sections.key, operating: registerDomainSet(request, sections) };
      default:
        this.#requireControl(call);
        deregisterDomainSet(request, sections);
        return {};
    }
  }

  #scopeOf(call: Call): Scope {
    if (call.isControlNode) return Scope.everything(this.#database);
    this.#requireKnown(call);
    return Scope.of(this.#database, call.source);
  }

  /** A member of a domain is known too: membership outlives registration (RFC 4171 §2.2.2). */
  #requireKnown({ source, isControlNode }: Asker): void {
    const isKnown = this.#database.nodes.has(source) || this.#database.domainsOfNode(source).length > 0;
    if (!isControlNode && !isKnown) throw new Rejection(Status.sourceUnknown, `${source} is not registered`);
  }

  /** Others may not change domains unless an administrator says so (RFC 4171 §2.4). */
  #requireControl({ source, isControlNode }: Asker): void {
    if (!isControlNode) throw new Rejection(Status.sourceUnauthorized, `${source} is no control node`);
  }

  /** The node of the key, which belongs to whoever asks. */
  #ownNode({ source, isControlNode, sections }: Call, refusal: 16 | 17): StorageNode {
    const [first] = sections.key;
    const node = first?.tag === Tag.iscsiName ? this.#database.nodes.get(textOf(first)) : undefined;
    if (node === undefined) throw new Rejection(refusal, 'there is no such node', sections.key);
    const isOwn = this.#database.nodes.get(source)?.entity === node.entity;
    if (!isOwn && !isControlNode) throw new Rejection(Status.sourceUnauthorized, `${source} is of another entity`);
    return node;
  }

  /** RFC 4171 §5.6.5.5 */
  #registerForChanges(call: Call): Answer {
    const node = this.#ownNode(call, Status.scnRegistrationRejected);
    const scnBitmap = bitmapOf(call.sections.operating);
    if ((scnBitmap & managementBits) !== 0 && !this.#settings.controlNodes.has(node.name)) {
      throw new Rejection(Status.scnRegistrationRejected, `${node.name} is no control node`);
    }
    const hasPort = this.#database.portalsOf(node.entity).some(({ others }) => others.has(Tag.scnPort));
    if (!hasPort) throw new Rejection(Status.scnRegistrationRejected, 'no portal takes notifications');
    this.#database.put({ ...node, scnBitmap });
    return {};
  }

  /** RFC 4171 §5.6.5.7 */
  #requestNotification(call: Call): Answer {
    const node = this.#ownNode(call, Status.scnEventRejected);
    const event = bitmapOf(call.sections.operating) & ~managementBits;
    if (event === 0) throw new Rejection(Status.scnEventRejected, 'no event is named');
    this.#changes.requested(this.#database, node, event);
    return {};
  }

  /** What has changed and is to be kept before anybody hears that it was done. */
  takeChanges(): Change[] {
    return this.#database.takeChanges();
  }

  /** What nodes are to be told since this was asked last. */
  takeNotifications(now: number): Notification[] {
    return notifications(this.#database, this.#settings.controlNodes, this.#changes.take(), now);
  }

  /** Lets registrations expire, and gives the status inquiries that are due: to be asked every second. */
  poll(now: number): Inquiry[] {
    return this.#monitor.poll(now);
  }

  /** A portal has answered an inquiry. */
  answered(portal: string, now: number): void {
    this.#monitor.answered(portal, now);
  }
}

function bitmapOf(operating: readonly Attribute[]): number {
  const bitmap = operating.find(({ tag }) => tag === Tag.iscsiScnBitmap);
  if (bitmap === undefined) throw new Rejection(Status.messageFormatError, 'there is no bitmap of events');
  return numberOf(bitmap);
}
