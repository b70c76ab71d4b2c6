/**
 * A broker's order from the look at the market to its end: `node broker.ts ACCOUNT LIMIT_PRICE`, with the
 * gateway's address in STOA_URL and an access token in STOA_TOKEN.
 */
import {
  CancelOrderDocument,
  CbboDocument,
  createStoaClient,
  InstrumentsDocument,
  isRefusal,
  OrderEventsDocument,
  PreviewRouteDocument,
  placeOrder,
} from '@stoa/client';

const [account = '', limitPrice = ''] = process.argv.slice(2);
const { STOA_URL: url = '', STOA_TOKEN: token = '' } = process.env;
const stoa = createStoaClient({ url, credentials: { kind: 'bearer', token } });

const found = await stoa.query(InstrumentsDocument, { filter: { symbol: 'ACME' } });
const instrument = found.data.searchInstruments.edges[0]?.node;
if (!instrument) throw new Error('ACME is not traded here.');

const market = await stoa.query(CbboDocument, { instrument: instrument.id });
console.log('best offer:', market.data.book?.cbbo.offer?.price ?? 'none');

const terms = {
  instrument: instrument.id,
  account,
  limitPrice,
  side: 'BUY',
  quantity: '1',
} as const;
const preview = await stoa.query(PreviewRouteDocument, { input: terms });
const route = preview.data.previewRoute;
if (route && !isRefusal(route)) {
  console.log(`now: ${route.legs.length} legs, ${route.unrouted} of it would wait`);
}

// Listen before the order goes out: the first update says from which number on.
const events = stoa.subscribe(OrderEventsDocument, {});
await events.next();

const clientOrderId = `example-${crypto.randomUUID()}`;
const outcome = await placeOrder(stoa, { clientOrderId, ...terms });
// Without an answer nobody knows: ask, and only then decide.
const order =
  outcome.kind === 'unknown' ? await outcome.ask() : 'order' in outcome && outcome.order;
if (!order) throw new Error(`not placed: ${JSON.stringify(outcome)}`);
console.log('placed:', order.id, order.status);

const canceled = await stoa.mutate(CancelOrderDocument, { id: order.id });
if (canceled.outcome === 'ANSWERED' && isRefusal(canceled.data.cancelOrder)) {
  console.log('not canceled:', canceled.data.cancelOrder.message);
}

for await (const { data } of events) {
  const { event } = data.orderEvents;
  if (event?.orderId !== order.id) continue;
  console.log('event:', event.kind, event.status);
  if (event.status === 'CANCELED' || event.status === 'FILLED') break;
}
stoa.close();
