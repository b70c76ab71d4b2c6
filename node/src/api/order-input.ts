import {
  type Directory,
  type Instrument,
  type InstrumentId,
  isRefusal,
  type OrderRequest,
  type OrderType,
  type Price,
  parseSafeDecimal,
  type Quantity,
  type Refusal,
  type Remainder,
  type RoutingStrategy,
  refuse,
  type Side,
  type TimeInForce,
} from '@stoa/schema';
import type { PreviewRequest } from '../orders/order-entry.ts';
import { readMoment } from './sdl-value.ts';

/** The SDL's PreviewRouteInput: an order without its name. Texts are as the caller wrote them. */
export interface PreviewRouteInput {
  readonly instrument: string;
  readonly account: string;
  readonly side: keyof typeof SIDES;
  readonly type: keyof typeof TYPES;
  readonly timeInForce: keyof typeof TIMES_IN_FORCE;
  readonly expireAt?: string | null;
  readonly quantity: string;
  readonly limitPrice?: string | null;
  readonly minimumQuantity?: string | null;
  readonly allOrNone?: boolean | null;
  readonly strategy?: keyof typeof STRATEGIES | null;
  readonly directedTo?: string | null;
  readonly remainder?: keyof typeof REMAINDERS | null;
}

/** The SDL's PlaceOrderInput. */
export interface PlaceOrderInput extends PreviewRouteInput {
  readonly clientOrderId: string;
  readonly cancelOnDisconnect?: boolean | null;
}

/** How the SDL calls the sides of an order. */
export const SIDES = { BUY: 'buy', SELL: 'sell' } as const satisfies Record<string, Side>;
const TYPES = { MARKET: 'market', LIMIT: 'limit' } as const satisfies Record<string, OrderType>;
const TIMES_IN_FORCE = {
  DAY: 'day',
  GTC: 'gtc',
  IOC: 'ioc',
  FOK: 'fok',
  GTD: 'gtd',
} as const satisfies Record<string, TimeInForce>;
const STRATEGIES = {
  BEST: 'best',
  HOME_FIRST: 'home-first',
  DIRECTED: 'directed',
} as const satisfies Record<string, RoutingStrategy>;
const REMAINDERS = {
  REST_HOME: 'rest-home',
  REST_BEST: 'rest-best',
  CANCEL: 'cancel',
} as const satisfies Record<string, Remainder>;

/**
 * Reads what a broker sent as an order request: decimal strings become integers in the instrument's
 * own units. Nothing is rounded; what does not fit is refused. Whether the order makes sense is for
 * the order service to judge.
 */
export function readOrderInput(
  directory: Directory,
  input: PlaceOrderInput,
): OrderRequest | Refusal {
  const request = readPreviewInput(directory, input);
  if (isRefusal(request)) return request;
  const { clientOrderId, cancelOnDisconnect } = input;
  return { ...request, clientOrderId, ...(cancelOnDisconnect ? { cancelOnDisconnect } : {}) };
}

/** Reads an order that is only asked about; as {@link readOrderInput} does. */
export function readPreviewInput(
  directory: Directory,
  input: PreviewRouteInput,
): PreviewRequest | Refusal {
  const instrument = readInstrument(directory, input.instrument);
  if (isRefusal(instrument)) return instrument;
  const account = readAccount(input.account);
  if (isRefusal(account)) return account;
  const amounts = readAmounts(instrument, input);
  if (isRefusal(amounts)) return amounts;
  const expireAtMs = input.expireAt == null ? undefined : readExpiry(input.expireAt);
  if (isRefusal(expireAtMs)) return expireAtMs;
  const { allOrNone, strategy, directedTo, remainder } = input;
  return {
    instrument: instrument.id,
    account,
    side: SIDES[input.side],
    type: TYPES[input.type],
    timeInForce: TIMES_IN_FORCE[input.timeInForce],
    ...amounts,
    ...(expireAtMs === undefined ? {} : { expireAtMs }),
    ...(allOrNone ? { allOrNone } : {}),
    ...(strategy == null ? {} : { strategy: STRATEGIES[strategy] }),
    ...(directedTo == null ? {} : { directedTo }),
    ...(remainder == null ? {} : { remainder: REMAINDERS[remainder] }),
  };
}

/** Reads the SDL's ReplaceOrderInput for an order of this instrument. */
export function readReplacement(
  instrument: Instrument,
  input: { readonly quantity: string; readonly limitPrice?: string | null },
): { readonly quantity: Quantity; readonly limitPrice?: Price } | Refusal {
  return readAmounts(instrument, input);
}

/** The instrument that a text names, in any case; or the refusal of an unknown one. */
export function readInstrument(directory: Directory, text: string): Instrument | Refusal {
  // Wallets show addresses in mixed case; the id is the same in any.
  const instrument = directory.instruments.get(text.toLowerCase() as InstrumentId);
  if (instrument) return instrument;
  const message = `There is no instrument ${quoted(text)}.`;
  return refuse('INSTRUMENT_UNKNOWN', message, 'Ask `instruments` for those of the registry.');
}

/** The account that a text names. */
export function readAccount(text: string): `0x${string}` | Refusal {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text as `0x${string}`;
  const message = `${quoted(text)} is no address of an account.`;
  return refuse('ACCOUNT_INVALID', message, 'Send 0x and 40 hexadecimal digits.');
}

/** The moment that a text names. */
export function readExpiry(text: string): number | Refusal {
  const expireAtMs = readMoment(text);
  if (expireAtMs !== undefined) return expireAtMs;
  const message = `${quoted(text)} is no moment.`;
  const action = 'Send a moment in UTC, such as "2030-01-31T14:30:00.000Z".';
  return refuse('EXPIRY_INVALID', message, action);
}

type AmountName = 'quantity' | 'minimumQuantity' | 'limitPrice';

function readAmounts(
  instrument: Instrument,
  input: Pick<PreviewRouteInput, 'quantity' | 'limitPrice' | 'minimumQuantity'>,
) {
  const read = (name: AmountName): number | undefined | Refusal => {
    const text = input[name];
    if (text == null) return undefined;
    const { priceDecimals, quantityDecimals } = instrument;
    const amount = parseSafeDecimal(text, name === 'limitPrice' ? priceDecimals : quantityDecimals);
    // Several amounts may be given: which of them it is about is part of the sentence.
    return isRefusal(amount)
      ? { ...amount, message: `${name}: ${amount.message}`, field: name }
      : amount;
  };
  const quantity = read('quantity') ?? 0;
  if (isRefusal(quantity)) return quantity;
  const minQuantity = read('minimumQuantity');
  if (isRefusal(minQuantity)) return minQuantity;
  const limitPrice = read('limitPrice');
  if (isRefusal(limitPrice)) return limitPrice;
  return {
    quantity,
    ...(minQuantity === undefined ? {} : { minQuantity }),
    ...(limitPrice === undefined ? {} : { limitPrice }),
  };
}

/** A caller's text in a sentence: cut, and free of what a screen or a log would act on. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 96));
}
