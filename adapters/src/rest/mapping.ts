import { type Refusal, refuse, TIMES_IN_FORCE } from '@stoa/schema';
import { z } from 'zod';

const MAX_MISTAKES = 50;

const pointer = z
  .string()
  .max(256)
  .regex(/^(\/[^/]+)*$/, 'must be a JSON pointer such as "/order/id"');
const name = z.string().min(1).max(128);
const millis = z.number().int().min(1).max(3_600_000);
const values = z.record(name, z.string().max(128));

/** Bodies and messages as they go out; a text of `$name` or `$name:number` is put in. */
const template = z.json();

const request = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: z
    .string()
    .max(512)
    .regex(/^\/[^\s?#]*$/, 'must be a path such as "/orders/{venueOrderId}"'),
  query: values.exactOptional(),
  body: template.exactOptional(),
});

const action = request.extend({
  /** Where the order stands in the answer; absent: the answer says nothing of it. */
  order: pointer.exactOptional(),
});

const list = request.extend({ list: pointer });

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('bearer'),
    login: request,
    token: pointer,
    expiresInSeconds: pointer.exactOptional(),
    refreshBeforeMs: millis.default(30_000),
  }),
  z.strictObject({
    kind: z.enum(['hmac', 'rsa']),
    /** Names one of the settings' secrets: the shared secret, or the private key as PEM. */
    secret: name,
    algorithm: z.enum(['sha256', 'sha384', 'sha512']).default('sha256'),
    /** What is signed: {method}, {path}, {nonce}, {body} are put in. */
    payload: z.string().min(1).max(512),
    encoding: z.enum(['hex', 'base64']).default('base64'),
    /** `$nonce`, `$signature` and the settings' own names are put in. */
    headers: values,
    /** Whether nonces must arrive in order, so that requests go one at a time. */
    serial: z.boolean().default(true),
  }),
]);

const limits = z.array(z.strictObject({ requests: z.number().int().min(1), perMs: millis })).max(4);

const http = z.strictObject({
  timeoutMs: millis,
  maxBodyBytes: z
    .number()
    .int()
    .min(1_024)
    .max(64 * 1_048_576)
    .default(1_048_576),
  limits: limits.default([]),
  headers: values.default({}),
});

const fill = z.strictObject({
  id: pointer,
  tradeId: pointer.exactOptional(),
  sessionDate: pointer.exactOptional(),
  price: pointer,
  quantity: pointer,
  at: pointer.exactOptional(),
  counterparty: pointer.exactOptional(),
});

const order = z.strictObject({
  orderId: pointer,
  venueOrderId: pointer,
  state: pointer,
  states: z.record(
    name,
    z.enum([
      ...['pending', 'live', 'suspended', 'done-for-day', 'filled', 'canceled'],
      ...['expired', 'rejected'],
    ] as const),
  ),
  cumulative: pointer,
  /** Where the venue has no fills by id: what they cost on average, or in all. */
  averagePrice: pointer.exactOptional(),
  amount: pointer.exactOptional(),
  /** Where it has: their list within the order, and what a fill looks like. */
  fills: z.strictObject({ list: pointer, fill }).exactOptional(),
  quantity: pointer.exactOptional(),
  limitPrice: pointer.exactOptional(),
  reason: pointer.exactOptional(),
});

const level = z.strictObject({ price: pointer, quantity: pointer });
const bookSides = { bids: pointer, offers: pointer, level };
const tradingState = {
  state: pointer,
  states: z.record(name, z.enum(['trading', 'halted'])),
  reason: pointer.exactOptional(),
};

const trade = z.strictObject({
  id: pointer,
  sessionDate: pointer.exactOptional(),
  price: pointer,
  quantity: pointer,
  at: pointer.exactOptional(),
});

const listing = z.strictObject({
  symbol: pointer,
  isin: pointer.exactOptional(),
  priceDecimals: pointer.exactOptional(),
  quantityDecimals: pointer.exactOptional(),
  tickSize: pointer.exactOptional(),
  lotSize: pointer.exactOptional(),
  /** The venue's words for where an entry stands; one that is not here says nothing. */
  status: pointer.exactOptional(),
  statuses: z.record(name, z.enum(['active', 'halted', 'inactive'])).default({}),
});

const errors = z.strictObject({
  code: pointer,
  message: pointer.exactOptional(),
  /** Codes that mean success in an answer of status 2xx; absent: every 2xx is one. */
  ok: z.array(z.string().max(64)).exactOptional(),
  /** The venue's codes of refusals, in the network's words. */
  codes: z.record(z.string().max(64), z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/)),
  /** Codes of an order id that the venue has already: it is looked up then. */
  exists: z.array(z.string().max(64)).default([]),
  /** Codes of a nonce or time that the venue finds wrong, and where it tells its own, in milliseconds. */
  clock: z.strictObject({ codes: z.array(z.string()), serverTime: pointer }).exactOptional(),
});

const when = z.record(pointer, z.string().max(128));

const message = z.discriminatedUnion('is', [
  z.strictObject({
    ...{ is: z.literal('book-snapshot'), when, symbol: pointer, sequence: pointer.exactOptional() },
    ...bookSides,
  }),
  z.strictObject({
    ...{ is: z.literal('book-update'), when, symbol: pointer, sequence: pointer },
    ...bookSides,
  }),
  z.strictObject({ is: z.literal('order'), when, order: pointer, fill: pointer.exactOptional() }),
  z.strictObject({ is: z.literal('trade'), when, symbol: pointer, trade }),
  z.strictObject({ is: z.literal('trading'), when, symbol: pointer, ...tradingState }),
  z.strictObject({ is: z.enum(['bust', 'correct']), when, symbol: pointer, fill: pointer }),
  z.strictObject({ is: z.enum(['pong', 'nothing']), when }),
  z.strictObject({ is: z.literal('error'), when }),
]);

const stream = z.strictObject({
  /** Signed as the requests are, over this text. */
  login: z
    .strictObject({ send: template, payload: z.string().max(512).exactOptional(), ok: when })
    .exactOptional(),
  /** Sent for each instrument, in this order. */
  subscribe: z.array(template).min(1).max(16),
  /** Sent for an instrument whose book has a gap. */
  snapshot: template,
  ping: z.strictObject({ send: template, everyMs: millis, silentMs: millis }),
  maxMessageBytes: z
    .number()
    .int()
    .min(1_024)
    .max(16 * 1_048_576)
    .default(1_048_576),
  messages: z.array(message).min(1).max(64),
});

const mapping = z
  .strictObject({
    /** What it is and by which documents; whether the venue has certified it. */
    about: z.string().min(1).max(2_000),
    certified: z.boolean(),
    capabilities: z.strictObject({
      /** The venue's word for each it takes. */
      timesInForce: z.partialRecord(z.enum(TIMES_IN_FORCE), z.string().max(64)),
      allOrNone: z.boolean(),
      minQuantity: z.boolean(),
      displayQuantity: z.boolean().default(false),
      depthLevels: z.number().int().min(1).max(1_000),
    }),
    /** The longest client order id that the venue takes; longer ones are replaced by a digest. */
    maxOrderIdLength: z.number().int().min(12).max(256).default(64),
    sides: z.strictObject({ buy: z.string(), sell: z.string() }),
    flags: z.strictObject({ yes: template, no: template }).default({ yes: true, no: false }),
    http,
    auth,
    requests: z.strictObject({
      new: action,
      cancel: action,
      replace: action.exactOptional(),
      massCancel: action.exactOptional(),
      /** The orders of `$orderIds` (repeated) or `$orderIds:joined` (with commas). */
      orders: list.extend({ most: z.number().int().min(1).max(200).default(50) }),
      book: request
        .extend({ ...bookSides, trading: z.strictObject(tradingState).exactOptional() })
        .exactOptional(),
      /** Trades after `$after`: the number of those seen, or the last one's `sequence`. */
      trades: list.extend({ trade, sequence: pointer }).exactOptional(),
      /** What the venue lists, all of it in one answer. */
      instruments: list.extend({ listing }).exactOptional(),
    }),
    order,
    errors,
    polling: z.strictObject({ ordersMs: millis, bookMs: millis, tradesMs: millis }).exactOptional(),
    stream: stream.exactOptional(),
  })
  .superRefine((one, context) => {
    for (const [path, text] of mistakesIn(one)) {
      context.addIssue({ code: 'custom', message: text, path: [...path] });
    }
  });

/** How one venue speaks over REST and WebSocket, as data. docs/adapters.md explains every field. */
export type Mapping = z.output<typeof mapping>;
export type RequestSpec = z.output<typeof request>;
export type StreamSpec = z.output<typeof stream>;
export type StreamMessage = z.output<typeof message>;
export type AuthSpec = z.output<typeof auth>;
export type Template = z.output<typeof template>;
export type OrderSpec = z.output<typeof order>;
export type FillSpec = z.output<typeof fill>;
export type ListingSpec = z.output<typeof listing>;
export type TradeSpec = z.output<typeof trade>;
export type ClockSpec = z.output<typeof errors>['clock'];

/** Reads a mapping from parsed JSON: the mapping, or a refusal that names every mistake. */
export function parseMapping(json: unknown): Mapping | Refusal<'MAPPING_INVALID'> {
  const parsed = mapping.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues
    .slice(0, MAX_MISTAKES)
    .map(({ path, message: text }) => `${path.join('.') || 'the mapping'}: ${text}`);
  return refuse('MAPPING_INVALID', mistakes.join('; '), 'Correct the mapping.');
}

type Parts = Pick<Mapping, 'order' | 'requests' | 'polling' | 'stream' | 'capabilities'>;

function mistakesIn(one: Parts): (readonly [readonly string[], string])[] {
  const { averagePrice, amount, fills } = one.order;
  const mistakes: (readonly [readonly string[], string])[] = [];
  if ([averagePrice, amount, fills].filter((way) => way !== undefined).length !== 1) {
    mistakes.push([['order'], 'needs one of fills, averagePrice and amount: a fill has a price']);
  }
  const polls = one.requests.book !== undefined;
  if (polls !== (one.polling !== undefined)) {
    mistakes.push([['polling'], 'goes with requests.book: a venue is polled, or it has a stream']);
  }
  if (polls === (one.stream !== undefined)) {
    mistakes.push([['stream'], 'or requests.book is needed, one of the two']);
  }
  if (Object.keys(one.capabilities.timesInForce).length === 0) {
    mistakes.push([['capabilities', 'timesInForce'], 'needs at least one']);
  }
  return mistakes;
}
