import {
  type Directory,
  isRefusal,
  type OrderRequest,
  type OrderType,
  parseSafeDecimal,
  type Refusal,
  refuse,
  type Side,
  type TimeInForce,
} from '@stoa/schema';

/** The SDL's PlaceOrderInput, after its scalars were checked. */
export interface PlaceOrderInput {
  readonly clientOrderId: string;
  readonly instrument: string;
  readonly account: string;
  readonly side: 'BUY' | 'SELL';
  readonly type: 'MARKET' | 'LIMIT';
  readonly timeInForce: 'DAY' | 'GTC' | 'IOC' | 'FOK';
  readonly quantity: string;
  readonly limitPrice?: string | null;
}

const sides = { BUY: 'buy', SELL: 'sell' } satisfies Record<string, Side>;
const types = { MARKET: 'market', LIMIT: 'limit' } satisfies Record<string, OrderType>;
const timesInForce = {
  DAY: 'day',
  GTC: 'gtc',
  IOC: 'ioc',
  FOK: 'fok',
} satisfies Record<string, TimeInForce>;

/**
 * Reads what a broker sent as an order request: decimal strings become integers in the instrument's
 * own units. Nothing is rounded; what does not fit is refused. Whether the order makes sense is for
 * the order service to judge.
 */
export function readOrderInput(
  directory: Directory,
  input: PlaceOrderInput,
): OrderRequest | Refusal {
  const instrument = directory.instruments.get(input.instrument);
  if (!instrument) {
    return refuse(
      'INSTRUMENT_UNKNOWN',
      `There is no instrument ${input.instrument}.`,
      'Ask `instruments` for those of the registry.',
    );
  }
  const quantity = parseSafeDecimal(input.quantity, instrument.quantityDecimals);
  if (isRefusal(quantity)) return quantity;
  const request = {
    clientOrderId: input.clientOrderId,
    instrument: instrument.id,
    account: input.account as `0x${string}`,
    side: sides[input.side],
    type: types[input.type],
    timeInForce: timesInForce[input.timeInForce],
    quantity,
  };
  if (input.limitPrice == null) return request;
  const limitPrice = parseSafeDecimal(input.limitPrice, instrument.priceDecimals);
  return isRefusal(limitPrice) ? limitPrice : { ...request, limitPrice };
}
