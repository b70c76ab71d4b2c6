import { askGraphql, type GraphqlAnswer } from '../harness/graphql-client.ts';
import { brokerToken, type Network } from '../harness/network.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';

/** A quote as the API gives it: decimal strings. */
export interface QuoteAnswer {
  readonly price: string;
  readonly quantity: string;
}

/** The consolidated book as the API gives it. */
export interface BookAnswer {
  readonly version: number;
  readonly cbbo: {
    readonly bid: QuoteAnswer | null;
    readonly offer: QuoteAnswer | null;
    readonly locked: boolean;
    readonly crossed: boolean;
  };
  readonly offers: readonly {
    readonly price: string;
    readonly venues: readonly { readonly venue: string; readonly quantity: string }[];
  }[];
  readonly venues: readonly {
    readonly venue: { readonly id: string };
    readonly state: string;
    readonly halted: boolean;
    readonly bid: QuoteAnswer | null;
    readonly offer: QuoteAnswer | null;
  }[];
}

/** An order with all that became of it, as the API gives it. */
export interface OrderAnswer {
  readonly id: string;
  readonly status: string;
  readonly quantity: string;
  readonly filled: string;
  readonly averagePrice: string | null;
  readonly reason: string | null;
  readonly legs: readonly {
    readonly venue: { readonly id: string };
    readonly quantity: string;
    readonly limitPrice: string;
    readonly status: string;
    readonly filled: string;
  }[];
  readonly executions: readonly {
    readonly venue: { readonly id: string };
    readonly executionId: string;
    readonly price: string;
    readonly quantity: string;
  }[];
  readonly settlements: readonly {
    readonly batchId: string;
    readonly state: string;
    readonly transactionHash: string | null;
    readonly blockNumber: number | null;
    readonly reason: string | null;
  }[];
}

/** An expected no, as the API gives it. */
export interface RefusalAnswer {
  readonly code: string;
  readonly message: string;
  readonly action: string;
}

/** What placing an order came to. */
export type PlaceAnswer = { readonly order: OrderAnswer } | { readonly refusal: RefusalAnswer };

/** What a broker sends to place an order. */
export interface OrderInput {
  readonly clientOrderId: string;
  readonly instrument: string;
  readonly account: string;
  readonly side: 'BUY' | 'SELL';
  readonly type: 'LIMIT' | 'MARKET';
  readonly timeInForce: 'DAY' | 'GTC' | 'IOC' | 'FOK';
  readonly quantity: string;
  readonly limitPrice?: string;
}

const BOOK_QUERY = `query ($instrument: InstrumentId!) {
  book(instrument: $instrument) {
    version
    cbbo { bid { price quantity } offer { price quantity } locked crossed }
    offers { price venues { venue quantity } }
    venues { venue { id } state halted bid { price quantity } offer { price quantity } }
  }
}`;

const ORDER_FIELDS = `id status quantity filled averagePrice reason
  legs { venue { id } quantity limitPrice status filled }
  executions { venue { id } executionId price quantity }
  settlements { batchId state transactionHash blockNumber reason }`;

const PLACE = `mutation ($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    ... on OrderPlaced { order { ${ORDER_FIELDS} } }
    ... on Refusal { code message action }
  }
}`;

/** A broker's desk: talks to the gateway as any client would, and to nothing else. */
export interface BrokerDesk {
  book(): Promise<BookAnswer>;
  place(input: OrderInput): Promise<PlaceAnswer>;
  cancel(id: string): Promise<{ order: { id: string } } | { refusal: RefusalAnswer }>;
  order(clientOrderId: string): Promise<OrderAnswer | undefined>;
  /** The order once it takes no more fills and nothing of it is still on its way to settlement. */
  settledOrder(clientOrderId: string, withinMs?: number): Promise<OrderAnswer>;
}

const ENDED = new Set(['FILLED', 'CANCELED', 'REJECTED', 'EXPIRED']);

/** Opens the desk of the demo's broker. */
export async function openBrokerDesk(network: Network): Promise<BrokerDesk> {
  const token = await brokerToken(network);
  const { instrument } = network.chain;
  const ask = async <Data>(query: string, variables: Record<string, unknown>): Promise<Data> =>
    dataOf(await askGraphql<Data>(network.gateway.graphql, { query, variables, token }));

  const order = async (clientOrderId: string): Promise<OrderAnswer | undefined> => {
    const { order: found } = await ask<{ order: OrderAnswer | null }>(
      `query ($id: String!) { order(clientOrderId: $id) { ${ORDER_FIELDS} } }`,
      { id: clientOrderId },
    );
    return found ?? undefined;
  };
  return {
    order,
    async book() {
      const { book } = await ask<{ book: BookAnswer | null }>(BOOK_QUERY, { instrument });
      if (!book) throw scenarioFailure(`The gateway knows no instrument ${instrument}.`);
      return book;
    },
    async place(input) {
      const { placeOrder } = await ask<{ placeOrder: { order: OrderAnswer } | RefusalAnswer }>(
        PLACE,
        { input },
      );
      return 'order' in placeOrder ? placeOrder : { refusal: placeOrder };
    },
    async cancel(id) {
      const { cancelOrder } = await ask<{ cancelOrder: { order: { id: string } } | RefusalAnswer }>(
        `mutation ($id: ID!) { cancelOrder(id: $id) {
          ... on CancelRequested { order { id } }
          ... on Refusal { code message action }
        } }`,
        { id },
      );
      return 'order' in cancelOrder ? cancelOrder : { refusal: cancelOrder };
    },
    settledOrder: (clientOrderId, withinMs = 30_000) =>
      eventually(
        `The end of order ${clientOrderId}`,
        async () => {
          const found = await order(clientOrderId);
          if (!found || !ENDED.has(found.status)) return undefined;
          const expected = found.executions.length > 0;
          const done = found.settlements.every(({ state }) => /^(SETTLED|FAILED)$/.test(state));
          return done && (!expected || found.settlements.length > 0) ? found : undefined;
        },
        withinMs,
      ),
  };
}

function dataOf<Data>({ data, errors }: GraphqlAnswer<Data>): Data {
  if (data === null || errors.length > 0) {
    throw scenarioFailure(`The gateway answered with errors: ${JSON.stringify(errors)}`);
  }
  return data;
}
