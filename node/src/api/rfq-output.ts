import { type DirectorySource, formatDecimal, type Instrument } from '@stoa/schema';
import type { AnswerableRequest } from '../negotiation/quote-answers.ts';
import type { QuoteRequestView, QuoteRow } from '../negotiation/quote-rows.ts';
import { type GivenQuoteRow, type QuotedSide, termsOf } from '../negotiation/quote-terms.ts';
import { venueOf } from './market-output.ts';
import { instrumentOf, type OrderOutput } from './order-output.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

export interface RfqOutputNeeds {
  readonly directory: DirectorySource;
  readonly output: Pick<OrderOutput, 'orderOf'>;
}

/** A request for quote in the shape of the SDL. */
export function requestOutput(needs: RfqOutputNeeds, request: QuoteRequestView) {
  const instrument = instrumentOf(needs.directory, request.instrument);
  return {
    ...{ id: request.id, clientRequestId: request.clientRequestId, account: request.account },
    instrument,
    side: request.side === null ? null : sdlEnum(request.side),
    quantity: formatDecimal(request.quantity, instrument.quantityDecimals),
    expireAt: sdlDateTime(request.expireAtMs),
    requestedAt: sdlDateTime(request.requestedAtMs),
    status: sdlEnum(request.status),
    venues: request.venues.map(({ venue, rejection }) => ({
      venue: venueOf(needs.directory.current(), venue),
      rejection: rejection ?? null,
    })),
    quotes: request.quotes.map((quote) => quoteOutput(needs, instrument, quote)),
  };
}

/** A request to answer in the shape of the SDL. */
export function answerableOutput(needs: RfqOutputNeeds, request: AnswerableRequest) {
  const { directory } = needs;
  const instrument = instrumentOf(directory, request.instrument);
  const { id, side, home, member, quotes, quantity, expireAtMs, isOpen } = request;
  return {
    ...{ id, instrument, open: isOpen },
    side: side === undefined ? null : sdlEnum(side),
    quantity: formatDecimal(quantity, instrument.quantityDecimals),
    expireAt: sdlDateTime(expireAtMs),
    home: home === undefined ? null : venueOf(directory.current(), home),
    requester: member ?? null,
    quotes: quotes.map((quote) => ownQuoteOutput(needs, instrument, quote)),
  };
}

/** A quote that the caller gave. */
export function ownQuoteOutput(
  { output }: RfqOutputNeeds,
  instrument: Instrument,
  quote: GivenQuoteRow,
) {
  const { id, requestId, makerOrderId } = quote;
  return {
    ...{ id, requestId, clientQuoteId: quote.clientQuoteId },
    ...sidesOutput(instrument, quote),
    validUntil: sdlDateTime(quote.validUntilMs),
    status: sdlEnum(quote.status),
    ended: endedOutput(quote),
    order: () => (makerOrderId === null ? null : output.orderOf(makerOrderId)),
  };
}

function quoteOutput(
  { directory, output }: RfqOutputNeeds,
  instrument: Instrument,
  quote: QuoteRow,
) {
  const { id, orderId, signed } = quote;
  return {
    id,
    venue: venueOf(directory.current(), quote.venue),
    ...sidesOutput(instrument, quote),
    validUntil: sdlDateTime(quote.validUntilMs),
    receivedAt: sdlDateTime(quote.receivedAtMs),
    status: sdlEnum(quote.status),
    ended: endedOutput(quote),
    order: () => (orderId === null ? null : output.orderOf(orderId)),
    proof: signed === null ? null : Buffer.from(signed).toString('base64'),
  };
}

function sidesOutput(instrument: Instrument, quote: Parameters<typeof termsOf>[0]) {
  const side = (quoted: QuotedSide | undefined) =>
    quoted
      ? {
          price: formatDecimal(quoted.price, instrument.priceDecimals),
          quantity: formatDecimal(quoted.quantity, instrument.quantityDecimals),
        }
      : null;
  const { bid, offer } = termsOf(quote);
  return { bid: side(bid), offer: side(offer) };
}

function endedOutput({
  status,
  code,
  message,
}: {
  readonly status: string;
  readonly code: string | null;
  readonly message: string | null;
}) {
  return status === 'ended' ? { code: code ?? 'ENDED', message: message ?? '' } : null;
}
