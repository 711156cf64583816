/** What becomes of the answers to a client's first question, while it waits for better ones. */

import { type DhcpMessage, MessageType, messageType } from '../message.ts';
import { isProxyOffer, namesServerAndTarget, type Offer, type RankedOffer, rankOffers } from './offer.ts';
import type { DhcpQuestion } from './options.ts';

/** More are a flood. */
const mostOffers = 32;

/** Whether a message of that type is an answer to the question. */
export function isAnswerTo({ kind }: DhcpQuestion, type: number | undefined): boolean {
  switch (kind) {
    case 'lease':
      return type === MessageType.offer || type === undefined;
    case 'bootp':
      return type === undefined;
    case 'inform':
      // RFC 3118 §5.5.5: what an OFFER is to DISCOVER, an ACK is to INFORM.
      return type === MessageType.ack;
  }
}

/** The offers with one more; of a flood the best are kept. */
export function withOffer(offers: readonly Offer[], offer: Offer): readonly Offer[] {
  const all = [...offers, offer];
  return all.length > mostOffers ? rankOffers(all).slice(0, mostOffers) : all;
}

/** It gives an address, where one is asked for. */
function canBeTaken({ kind }: DhcpQuestion, { message }: Offer): boolean {
  return kind === 'inform' || !isProxyOffer(message);
}

export interface Selection {
  /** The one that is taken. */
  readonly choice: RankedOffer;
  /** All that could have been taken, in the order of preference. */
  readonly ranking: readonly RankedOffer[];
  readonly proxyOffer: DhcpMessage | undefined;
  /** RFC 1534 §3: a BOOTP reply is final, and so is the answer to INFORM. Others are to be confirmed by the server. */
  readonly isFinal: boolean;
  /** Nothing better can come. */
  readonly isBest: boolean;
}

/** Undefined while nothing can be taken. */
export function selectionFrom(offers: readonly Offer[], question: DhcpQuestion): Selection | undefined {
  const ranking = rankOffers(offers.filter((offer) => canBeTaken(question, offer)));
  const [choice] = ranking;
  if (choice === undefined) return undefined;
  const [proxy] = rankOffers(offers.filter((offer) => !canBeTaken(question, offer)));
  return {
    choice,
    ranking,
    proxyOffer: proxy?.message,
    isFinal: question.kind === 'inform' || messageType(choice.message) === undefined,
    isBest: offers.some(({ message }) => namesServerAndTarget(message)),
  };
}
