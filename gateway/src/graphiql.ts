import type { Directory } from '@stoa/schema';

/** A tab of GraphiQL. */
interface ExampleTab {
  readonly query: string;
  readonly variables?: string;
}

const MARKET = `# Every venue's quotes as one book, verified by this gateway itself.
query Market {
  venues { id membership quotes lastSequence node { version peers framesPublished } }
  instruments {
    id symbol name currency
    book(depth: 5) {
      version
      cbbo { bid { price quantity } offer { price quantity } locked crossed }
      bids { price quantity venues { venue quantity } }
      offers { price quantity venues { venue quantity } }
    }
    listings { venue { id } status exemption }
  }
}
`;

const WATCH = `# The book, whole, at every change.
subscription WatchBook($instrument: InstrumentId!) {
  book(instrument: $instrument, depth: 5) {
    version asOf
    cbbo { bid { price quantity } offer { price quantity } }
    venues { venue { id } state bid { price } offer { price } }
  }
}
`;

const ORDERS = `# Needs a token; it goes to the home node that the token names.
query MyOrders {
  orders(first: 10) {
    edges { node {
      id clientOrderId instrument { symbol } side quantity limitPrice status filled averagePrice
      legs { venue { id } quantity limitPrice status filled }
      executions { venue { id } price quantity executedAt }
      settlements { state transactionHash blockNumber }
    } }
    pageInfo { endCursor hasNextPage }
  }
}

# What an order would meet now, with all costs. Nothing is sent.
query PreviewRoute($preview: PreviewRouteInput!) {
  previewRoute(input: $preview) {
    ... on RoutePreview {
      legs { venue { id } price quantity fee fixedCost } unrouted total averageAllIn
      exclusions { venue { id } code message }
    }
    ... on Refusal { code message action }
  }
}

mutation PlaceOrder($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    ... on OrderPlaced { existed order { id status filled leaves } }
    ... on Refusal { code message action }
  }
}
`;

const WATCH_ORDERS = `# Needs a token. Every event of your orders, once and in order; give the last sequence
# that you have seen as \`after\` to go on where you were cut off.
subscription WatchOrders {
  orderEvents {
    sequence
    event { at kind venue { id } price quantity reason order { clientOrderId status filled leaves } }
  }
}
`;

/**
 * The headers editor of every tab, filled with a token. A tab's own headers would do, but GraphiQL
 * drops them where headers are not kept in the browser, and a token must not be.
 */
export function graphiqlHeaders(token: string | undefined): {
  readonly headers?: string;
  readonly defaultHeaders?: string;
} {
  if (token === undefined) return {};
  const headers = JSON.stringify({ Authorization: `Bearer ${token}` });
  return { headers, defaultHeaders: headers };
}

/** Operations to begin with, about the first instrument of the registry. */
export function exampleTabs(directory: Directory): ExampleTab[] {
  const instrument = directory.instruments.keys().next().value ?? 'eip155:1/erc20:0x…';
  const tab = (query: string, variables?: object): ExampleTab => ({
    query,
    ...(variables ? { variables: JSON.stringify(variables, undefined, 2) } : {}),
  });
  const order = {
    ...{ instrument, account: '0x…', side: 'BUY', type: 'LIMIT', timeInForce: 'DAY' },
    ...{ quantity: '10', limitPrice: '100' },
  };
  return [
    tab(MARKET),
    tab(WATCH, { instrument }),
    tab(ORDERS, { input: { clientOrderId: 'my-first-order', ...order }, preview: order }),
    tab(WATCH_ORDERS),
  ];
}
