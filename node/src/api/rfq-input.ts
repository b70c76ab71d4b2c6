import {
  type Directory,
  type Instrument,
  isRefusal,
  parseSafeDecimal,
  type Refusal,
} from '@stoa/schema';
import type { QuoteRequestInput } from '../negotiation/home-requests.ts';
import type { QuoteInput } from '../negotiation/quote-answers.ts';
import { readAccount, readExpiry, readInstrument, SIDES } from './order-input.ts';

/** The SDL's RequestQuotesInput. */
export interface RequestQuotesInput {
  readonly clientRequestId: string;
  readonly instrument: string;
  readonly account: string;
  readonly side?: keyof typeof SIDES | null;
  readonly quantity: string;
  readonly expireAt: string;
  readonly directedTo?:
    | readonly { readonly venue: string; readonly counterparties?: readonly string[] | null }[]
    | null;
}

interface SideInput {
  readonly price: string;
  readonly quantity: string;
}

/** The SDL's SubmitQuoteInput. */
export interface SubmitQuoteInput {
  readonly clientQuoteId: string;
  readonly requestId: string;
  readonly account: string;
  readonly bid?: SideInput | null;
  readonly offer?: SideInput | null;
  readonly validUntil: string;
}

/** Reads what a broker asks for: texts become integers, nothing is rounded. */
export function readQuoteRequest(
  directory: Directory,
  input: RequestQuotesInput,
): QuoteRequestInput | Refusal {
  const instrument = readInstrument(directory, input.instrument);
  if (isRefusal(instrument)) return instrument;
  const account = readAccount(input.account);
  if (isRefusal(account)) return account;
  const quantity = amount('quantity', input.quantity, instrument.quantityDecimals);
  if (isRefusal(quantity)) return quantity;
  const expireAtMs = readExpiry(input.expireAt);
  if (isRefusal(expireAtMs)) return expireAtMs;
  const { clientRequestId, side, directedTo } = input;
  return {
    ...{ clientRequestId, instrument: instrument.id, account, quantity, expireAtMs },
    side: side == null ? undefined : SIDES[side],
    venues: directedTo?.map(({ venue, counterparties }) =>
      counterparties == null || counterparties.length === 0
        ? { venue }
        : { venue, responders: counterparties },
    ),
  };
}

/** Reads a quote for a request in this instrument. */
export function readQuote(instrument: Instrument, input: SubmitQuoteInput): QuoteInput | Refusal {
  const account = readAccount(input.account);
  if (isRefusal(account)) return account;
  const validUntilMs = readExpiry(input.validUntil);
  if (isRefusal(validUntilMs)) return validUntilMs;
  const bid = readSide('bid', instrument, input.bid);
  if (isRefusal(bid)) return bid;
  const offer = readSide('offer', instrument, input.offer);
  if (isRefusal(offer)) return offer;
  const { clientQuoteId, requestId } = input;
  return { clientQuoteId, requestId, account, validUntilMs, bid, offer };
}

function readSide(
  name: 'bid' | 'offer',
  { priceDecimals, quantityDecimals }: Instrument,
  side: SideInput | null | undefined,
) {
  if (side == null) return undefined;
  const price = amount(`${name}.price`, side.price, priceDecimals);
  if (isRefusal(price)) return price;
  const quantity = amount(`${name}.quantity`, side.quantity, quantityDecimals);
  return isRefusal(quantity) ? quantity : { price, quantity };
}

/** Which of several amounts it is about is part of the sentence. */
function amount(name: string, text: string, decimals: number): number | Refusal {
  const read = parseSafeDecimal(text, decimals);
  return isRefusal(read) ? { ...read, message: `${name}: ${read.message}`, field: name } : read;
}
