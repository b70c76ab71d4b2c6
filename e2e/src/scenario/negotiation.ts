import { decodeOrderMessage, decodeSigned, formatDecimal, isRefusal } from '@stoa/schema';
import { DEMO_VENUES } from '../harness/demo-venues.ts';
import { askGraphql } from '../harness/graphql-client.ts';
import { brokerToken, type Network } from '../harness/network.ts';
import type { BookAnswer, BrokerDesk } from './broker-desk.ts';
import { awaitLiveMarket } from './market-ready.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';
import { integerOf } from './split-trade.ts';
import { checkStoresAgree } from './stored-trades.ts';

/** A quote that a broker was given, and may take. */
interface NegotiatedQuote {
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
interface RequestAnswer {
  readonly status: string;
  readonly quotes: readonly {
    readonly id: string;
    readonly status: string;
    readonly proof: string | null;
  }[];
}

/** A broker at its home and a market maker at another venue, who negotiate over the gateway. */
class NegotiationDesk {
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

  /** The last trade, where it was negotiated. */
  async lastTrade() {
    const { instrument } = await this.#ask<{ instrument: { lastTrade: { negotiated: boolean } } }>(
      'broker',
      'query ($id: InstrumentId!) { instrument(id: $id) { lastTrade { venue negotiated } } }',
      { id: this.#network.chain.instrument },
    );
    return instrument.lastTrade.negotiated ? instrument.lastTrade : undefined;
  }

  /** Why a venue would not be routed to now. */
  async exclusionOf(venue: string): Promise<string | undefined> {
    const { chain } = this.#network;
    const { previewRoute } = await this.#ask<{
      previewRoute: { exclusions: { venue: { id: string }; code: string }[] };
    }>(
      'broker',
      `query ($input: PreviewRouteInput!) { previewRoute(input: $input) {
        ... on RoutePreview { exclusions { venue { id } code } } } }`,
      {
        input: {
          ...{ instrument: chain.instrument, account: chain.alice.address, side: 'BUY' },
          ...{ quantity: '10', limitPrice: '101', timeInForce: 'IOC' },
        },
      },
    );
    const found = previewRoute.exclusions.find((one) => one.venue.id === venue)?.code;
    return found?.toLowerCase() === 'indicative' ? 'indicative' : undefined;
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

/** What {@link negotiateThroughKill} is to come to. */
export const NEGOTIATED_ONCE = {
  ...{ executions: 1, during: 'ACCEPTING', again: 'QUOTE_REQUEST_ACCEPTED', after: 'ACCEPTED' },
  // As the nodes said them to each other, and as the API gives them to members.
  ids: { request: 'alpha-q-random', quote: 'beta-q-random', order: 'alpha-random', numbers: 0 },
  ...{ lastTrade: { venue: 'beta', negotiated: true }, excludedAs: 'indicative' },
};

/**
 * Takes a quote of a venue that is stopped at that moment, kills it and starts it again, from then on
 * with indicative quotes: what was seen meanwhile, and what came of it.
 */
export async function negotiateThroughKill(network: Network, desk: BrokerDesk, venue: string) {
  await awaitLiveMarket(desk);
  const negotiation = new NegotiationDesk(network, venue);
  const { requestId, quoteId, price } = await negotiation.quote(await desk.book(), 'quoted-ask');
  const node = network.venues.get(venue);
  // Stopped, it looks alive for a moment: the acceptance goes out and no answer comes.
  node?.process.kill('SIGSTOP');
  await negotiation.accept(quoteId, 'quoted-1');
  await eventually('The outcome to be unknown', async () =>
    (await desk.order('quoted-1'))?.status === 'UNKNOWN' ? true : undefined,
  );
  const { status: during } = await negotiation.request(requestId);
  const again = await negotiation.accept(quoteId, 'quoted-2');
  node?.process.kill('SIGKILL');
  await node?.process.exited;
  await network.restartVenue(venue, { STOA_VENUE_QUOTES: 'indicative' });
  const order = await desk.settledOrder('quoted-1');
  if (order.averagePrice !== price) throw scenarioFailure('It did not trade at the quoted price.');
  const { after, proof } = await eventually('The request to be over', async () => {
    const { status, quotes } = await negotiation.request(requestId);
    const [quote] = quotes;
    return status !== 'ACCEPTING' && quote?.proof
      ? { after: status, proof: quote.proof }
      : undefined;
  });
  const said = idsIn(proof);
  if (said.request !== requestId || said.quote !== quoteId) {
    throw scenarioFailure('The proof of the quote is about another one.');
  }
  const ids = {
    request: formOf(requestId),
    quote: formOf(quoteId),
    order: formOf(order.id),
    numbers: said.numbers,
  };
  const lastTrade = await eventually('The print at the gateway', () => negotiation.lastTrade());
  const excludedAs = await eventually('The venue out of the route', () =>
    negotiation.exclusionOf(venue),
  );
  await checkStoresAgree(network, DEMO_VENUES[0], order);
  const executions = order.executions.length;
  return { executions, during, again, after, ids, lastTrade, excludedAs };
}

/** An id with its random code left out: 16 letters and digits, where a number would be a few digits. */
function formOf(id: string): string {
  return id.replace(/-(q?)[0-9a-z]{16}$/, (_, mark) => (mark ? '-q-random' : '-random'));
}

/** What a quote as its venue signed it says of itself, and what of the session that brought it. */
function idsIn(proof: string) {
  const bytes = Buffer.from(proof, 'base64');
  const signed = decodeSigned(bytes, bytes.length);
  const message = isRefusal(signed) ? signed : decodeOrderMessage(signed.payload);
  if (isRefusal(message)) throw scenarioFailure(message.message);
  const { body, number, acknowledged } = message;
  if (body.kind !== 'quote') throw scenarioFailure(`The proof is of a ${body.kind}.`);
  return { request: body.requestId, quote: body.quoteId, numbers: number + acknowledged };
}
