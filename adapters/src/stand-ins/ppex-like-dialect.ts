import { formatDecimal, isRefusal, parseSafeDecimal, type TimeInForce } from '@stoa/schema';
import type { VenueOrder } from '../venue-adapter.ts';
import type {
  StandInAnswer,
  StandInDialect,
  StandInRequest,
  StandInServer,
} from './stand-in-server.ts';
import { amountOf, cumulativeOf, type StandInOrder } from './stand-in-venue.ts';

/** The client id and key with which {@link ppexLike} lets in. */
export const PPEX_CLIENT = { clientId: 'stoa', apiKey: 'a-key-for-tests' } as const;

const STATES: Readonly<Record<StandInOrder['state'], string>> = {
  pending: 'Pending',
  live: 'Live',
  filled: 'Executed',
  canceled: 'Cancelled',
  expired: 'Expired',
  rejected: 'Rejected',
  'done-for-day': 'Live',
};
const LIFETIMES: Readonly<Record<string, TimeInForce>> = { Day: 'day', GTC: 'gtc' };
/** What it calls our reasons to reject. */
const CODES: Readonly<Record<string, string>> = {
  HALTED: '205',
  CLOSED: '206',
  TOO_LATE: '207',
  UNKNOWN_ORDER: '208',
};
const OK = { statusCode: '101', statusDesc: 'Ok' };

/**
 * A venue as North Capital's public documents have theirs: REST without streams or executions. An
 * order's state and its executed quantity are all that is told, the quantity with six decimals though
 * orders are in whole units. Modelled on documents, not certified with the venue.
 */
export function ppexLike(): StandInDialect {
  let tokens = new Set<string>();
  return {
    isAction: ({ path }) => path === '/createOrder' || path === '/cancelOrder',
    tooMany: () => ({
      status: 429,
      body: refusal('429', 'Too many'),
      headers: { 'retry-after': '0' },
    }),
    async answer(request, server) {
      if (request.path === '/authenticate') return authenticate(request, tokens);
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      if (!tokens.has(token)) return { status: 401, body: refusal('401', 'Token expired') };
      return answer(request, server);
    },
    commands: {
      expireCredential() {
        tokens = new Set();
      },
    },
  };
}

function authenticate({ text }: StandInRequest, tokens: Set<string>): StandInAnswer {
  const given = JSON.parse(text) as { clientID?: string; developerAPIKey?: string };
  const { clientId, apiKey } = PPEX_CLIENT;
  if (given.clientID !== clientId || given.developerAPIKey !== apiKey) {
    return { status: 401, body: refusal('401', 'Wrong key') };
  }
  const token = `token-${tokens.size + 1}-${Math.random().toString(36).slice(2)}`;
  tokens.add(token);
  return { status: 200, body: { ...OK, access_token: token, expires_in: 3600 } };
}

async function answer(request: StandInRequest, server: StandInServer): Promise<StandInAnswer> {
  const { venue } = server;
  const { instrument } = venue;
  const symbol = request.query.get('symbol') ?? '';
  if (request.method === 'GET' && symbol !== '' && symbol !== instrument.symbol) {
    return { status: 404, body: refusal('204', 'No such symbol') };
  }
  switch (`${request.method} ${request.path}`) {
    case 'POST /createOrder':
      return createOrder(request, server);
    case 'POST /cancelOrder':
      return cancelOrder(request, server);
    case 'GET /orders': {
      const asked = request.query.getAll('token');
      const orders = asked.flatMap((token) => venue.orders.get(token) ?? []);
      return ok({ orders: orders.map((one) => shown(one, server)) });
    }
    case 'GET /book': {
      const levels = (side: typeof venue.bids) =>
        side.map(({ price, quantity }) => ({
          price: price / 10 ** instrument.priceDecimals,
          quantity: six(quantity, instrument.quantityDecimals),
        }));
      const tradingStatus = venue.halted
        ? venue.haltReason === 'closed'
          ? 'Closed'
          : 'Halted'
        : 'Open';
      return ok({ bids: levels(venue.bids), offers: levels(venue.offers), tradingStatus });
    }
    case 'GET /offerings':
      return ok({
        offerings: server.listed().map(({ tickSize, lotSize, halted, symbol, ...one }) => ({
          ...{ ...one, offeringId: symbol, priceIncrement: tickSize, minimumUnits: lotSize },
          offeringStatus: halted ? 'Suspended' : 'Approved',
          ...(one.isin === '' && { isin: null }),
        })),
      });
    case 'GET /trades': {
      const after = Number(request.query.get('after') ?? '0');
      const trades = venue.trades.slice(after, after + 500).map((one, index) => ({
        ...{ tradeId: one.id, sequence: after + index + 1 },
        price: six(one.price, instrument.priceDecimals),
        quantity: six(one.quantity, instrument.quantityDecimals),
        time: new Date(one.atMs).toISOString(),
      }));
      return ok({ trades });
    }
    default:
      return { status: 404, body: refusal('404', 'No such method') };
  }
}

async function createOrder(
  { text }: StandInRequest,
  server: StandInServer,
): Promise<StandInAnswer> {
  const { venue, fault } = server;
  const { id, priceDecimals, quantityDecimals } = venue.instrument;
  if (fault?.startsWith('reject:')) return ok2(refusal(fault.slice(7), 'No'));
  if (fault === 'odd') return ok2(refusal('9999-Ü?', 'A reason of its own'));
  const given = JSON.parse(text) as Readonly<Record<string, string | number | boolean | undefined>>;
  const quantity = parseSafeDecimal(String(given['quantity']), quantityDecimals);
  const limitPrice = parseSafeDecimal(String(given['price']), priceDecimals);
  const timeInForce = LIFETIMES[String(given['timeInForce'])];
  const minimum = given['minQuantity'];
  if (isRefusal(quantity) || isRefusal(limitPrice) || !timeInForce || !given['token']) {
    return ok2(refusal('203', 'Not a well-formed order'));
  }
  const order: VenueOrder = {
    ...{ orderId: String(given['token']), instrument: id, timeInForce, quantity, limitPrice },
    side: given['side'] === 'Sell' ? 'sell' : 'buy',
    ...(given['allOrNone'] === 'Yes' && { allOrNone: true }),
    ...(minimum !== undefined && { minQuantity: Number(minimum) }),
    owner: { member: 'client', account: `0x${'11'.repeat(20)}` },
    homeVenue: 'stand-in',
  };
  if (venue.orders.has(order.orderId)) return ok2(refusal('202', 'Token was used'));
  const entered = await venue.enter(order);
  if (entered.rejection) return ok2(refusal(codeOf(entered.rejection.code), 'Rejected'));
  return ok({ orderDetails: shown(entered, server) });
}

async function cancelOrder(
  { text }: StandInRequest,
  server: StandInServer,
): Promise<StandInAnswer> {
  const { orderId: venueOrderId } = JSON.parse(text) as { orderId?: string };
  const order = server.venue.byVenueId(venueOrderId ?? '');
  if (!order) return ok2(refusal('208', 'No such order'));
  const { orderId, instrument } = order.order;
  const refused = await server.venue.change({ kind: 'cancel', orderId, instrument });
  if (refused) return ok2(refusal(codeOf(refused.code), 'Not cancelled'));
  return ok({ orderDetails: shown(order, server) });
}

function shown(order: StandInOrder, { instrument }: StandInServer) {
  const { priceDecimals, quantityDecimals } = instrument;
  const cumulative = cumulativeOf(order);
  const partly = order.state === 'live' && cumulative > 0;
  return {
    orderId: order.venueOrderId,
    token: order.order.orderId,
    status: partly ? 'Partially Executed' : STATES[order.state],
    quantity: Number(formatDecimal(order.quantity, quantityDecimals)),
    price: formatDecimal(order.limitPrice, priceDecimals),
    filledQuantity: six(cumulative, quantityDecimals),
    averagePrice: averageOf(order, priceDecimals),
    ...(order.rejection && { errorCode: codeOf(order.rejection.code) }),
  };
}

/** Rounded to six decimals, as it would be. */
function averageOf(order: StandInOrder, priceDecimals: number): string {
  const cumulative = BigInt(cumulativeOf(order));
  if (cumulative === 0n) return '0.000000';
  const micros = amountOf(order) * 10n ** BigInt(6 - priceDecimals);
  return six((micros * 2n + cumulative) / (cumulative * 2n), 6);
}

function six(units: number | bigint, decimals: number): string {
  const [whole = '0', fraction = ''] = formatDecimal(units, decimals).split('.');
  return `${whole}.${fraction.padEnd(6, '0')}`;
}

function codeOf(code: string): string {
  return CODES[code] ?? code;
}

function refusal(statusCode: string, statusDesc: string) {
  return { statusCode, statusDesc };
}

function ok(body: object): StandInAnswer {
  return { status: 200, body: { ...OK, ...body } };
}

/** It answers 200 to everything that it understood. */
function ok2(body: object): StandInAnswer {
  return { status: 200, body };
}
