/** HTTP as far as a boot client needs it: GET, one connection for each, redirections left to the caller. */

import { get as getByHttp, type IncomingMessage } from 'node:http';
import { get as getByHttps } from 'node:https';
import { DisklessError } from '../bytes/index.ts';
import { networkError } from './node-error.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Where a redirection leads, as it was written. */
  readonly location: string | undefined;
  /** Bytes of the body, when the server says. */
  readonly length: number | undefined;
  /** Ends the connection when it is left early. Rejects with NETWORK_... when the connection fails. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpClient {
  /** Asks for `url`, which is http: or https:. `signal` ends the exchange, the body's part too. Raises NETWORK_..., and ABORTED. */
  get(url: URL, signal: AbortSignal): Promise<HttpAnswer>;
}

export const nodeHttpClient: HttpClient = {
  get(url, signal) {
    const endpoint = { address: url.hostname, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) };
    const failure = (error: Error) =>
      signal.aborted
        ? new DisklessError('ABORTED', `fetching ${url} was given up`, { cause: error })
        : networkError(error, 'fetch from', endpoint);
    return new Promise((resolve, reject) => {
      const get = url.protocol === 'https:' ? getByHttps : getByHttp;
      // No agent: no connection is left when the answer is there.
      const request = get(url, { agent: false, signal }, (answer) => resolve(answerOf(answer, failure)));
      request.on('error', (error) => reject(failure(error)));
    });
  },
};

function answerOf(answer: IncomingMessage, failure: (error: Error) => DisklessError): HttpAnswer {
  const { statusCode = 0, headers } = answer;
  const length = headers['content-length'];
  return {
    status: statusCode,
    location: headers.location,
    length: length === undefined ? undefined : Number(length),
    body: bodyOf(answer, failure),
  };
}

async function* bodyOf(
  answer: IncomingMessage,
  failure: (error: Error) => DisklessError,
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of answer) yield chunk;
  } catch (error) {
    throw error instanceof Error ? failure(error) : error;
  } finally {
    answer.destroy();
  }
}
