import { formatDecimal } from '@stoa/schema';
import { askGraphql } from '../harness/graphql-client.ts';
import { brokerToken, type Network } from '../harness/network.ts';
import type { BookAnswer } from './broker-desk.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';
import { integerOf } from './split-trade.ts';

/** A quote that a broker was given, and may take. */
export interface NegotiatedQuote {
  readonly requestId: string;
  readonly quoteId: string;
  readonly price: string;
}

const REQUEST = `mutation ($input: RequestQuotesInput!) { requestQuotes(input: $input) {
  ... on QuotesRequested { request { id } } ... on Refusal { code message } } }`;
const TO_ANSWER = `{ quoteRequestsToAnswer { id side quantity requester } }`;
const SUBMIT = `mutation ($input: SubmitQuoteInput!) { submitQuote(input: $input) {
  ... on QuoteSubmitted { quote { id status } } ... on Refusal { code message } } }`;
const VIEW = `query ($id: ID!) { quoteRequest(id: $id) { status venues { venue { id } rejection { code } }
  quotes { id status proof offer { price } } } }`;
const ACCEPT = `mutation ($input: AcceptQuoteInput!) { acceptQuote(input: $input) {
  ... on QuoteAccepted { order { id quoteId } } ... on Refusal { code message } } }`;

/** How a request stands, as the API gives it. */
export interface RequestAnswer {
  readonly status: string;
  readonly quotes: readonly {
    readonly id: string;
    readonly status: string;
    readonly proof: string | null;
  }[];
}

/** A broker at its home and a market maker at another venue, who negotiate over the gateway. */
export class NegotiationDesk {
  readonly #network: Network;
  readonly #maker: string;

  /** @param maker the venue whose own house answers */
  constructor(network: Network, maker: string) {
    this.#network = network;
    this.#maker = maker;
  }

  /** Asks the maker's venue, which answers a tick above the best offer. */
  async quote(book: BookAnswer, clientRequestId: string): Promise<NegotiatedQuote> {
    const { chain } = this.#network;
    const quantity = '25';
    const until = new Date(Date.now() + 120_000).toISOString();
    const asked = await this.#ask<{ requestQuotes: { request: { id: string } } }>(
      'broker',
      REQUEST,
      {
        input: {
          ...{
            clientRequestId,
            instrument: chain.instrument,
            account: chain.alice.address,
            quantity,
          },
          ...{ side: 'BUY', expireAt: until, directedTo: [{ venue: this.#maker }] },
        },
      },
    );
    const requestId = asked.requestQuotes.request.id;
    const shown = await eventually('The request at the venue', async () => {
      const answer = await this.#ask<{ quoteRequestsToAnswer: { id: string; requester: null }[] }>(
        'maker',
        TO_ANSWER,
      );
      return answer.quoteRequestsToAnswer.find(({ id }) => id === requestId);
    });
    if (shown.requester !== null) throw scenarioFailure('The maker was told who asks.');
    const best = integerOf(book.cbbo.offer?.price ?? '0', 4);
    const price = formatDecimal(best + 100n, 4);
    const given = await this.#ask<{ submitQuote: { quote: { id: string } } }>('maker', SUBMIT, {
      input: {
        ...{ clientQuoteId: `${clientRequestId}-quote`, requestId, validUntil: until },
        account: chain.flowWallets[this.#maker]?.address,
        offer: { price, quantity },
      },
    });
    const quoteId = given.submitQuote.quote.id;
    await eventually('The quote at the broker’s home', async () =>
      (await this.request(requestId)).quotes.some(({ id }) => id === quoteId) ? true : undefined,
    );
    return { requestId, quoteId, price };
  }

  /** Takes it, under this client order id. */
  async accept(quoteId: string, clientOrderId: string): Promise<string> {
    const { acceptQuote } = await this.#ask<{
      acceptQuote: { order?: { id: string }; code?: string };
    }>('broker', ACCEPT, { input: { quoteId, clientOrderId } });
    return acceptQuote.order?.id ?? acceptQuote.code ?? '';
  }

  async request(id: string): Promise<RequestAnswer> {
    return (await this.#ask<{ quoteRequest: RequestAnswer }>('broker', VIEW, { id })).quoteRequest;
  }

  async #ask<T>(who: 'broker' | 'maker', query: string, variables: object = {}): Promise<T> {
    const { tokens, gateway } = this.#network;
    const member = this.#maker;
    const scope = 'orders:read orders:write';
    const token = await (who === 'broker'
      ? brokerToken(this.#network)
      : tokens.issue({ member, home: member, scope }));
    const { data, errors } = await askGraphql<T & object>(gateway.graphql, {
      ...{ query, token, variables: { ...variables } },
    });
    if (!data || errors.length > 0)
      throw scenarioFailure(`Not answered: ${JSON.stringify(errors)}`);
    return data;
  }
}
