import {
  type DirectorySource,
  type Instrument,
  isRefusal,
  refuse,
  type VenueId,
} from '@stoa/schema';
import { GraphQLError } from 'graphql';
import type { AnswerableRequest } from '../negotiation/quote-answers.ts';
import type { QuoteRequestView } from '../negotiation/quote-rows.ts';
import type { GivenQuoteRow } from '../negotiation/quote-terms.ts';
import type { Caller } from '../orders/blotter/order-view.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiNegotiation, ApiOrders } from './api-services.ts';
import type { MemberStreams } from './member-streams.ts';
import { SIDES } from './order-input.ts';
import { instrumentOf, type OrderOutput } from './order-output.ts';
import { refusalOr } from './refusal-type.ts';
import {
  type RequestQuotesInput,
  readQuote,
  readQuoteRequest,
  type SubmitQuoteInput,
} from './rfq-input.ts';
import { answerableOutput, ownQuoteOutput, requestOutput } from './rfq-output.ts';
import { boundedCount } from './sdl-value.ts';

/** What the part of the API that negotiates is served from. */
export interface RfqNeeds {
  readonly venue: VenueId;
  readonly negotiation: ApiNegotiation;
  readonly orders: Pick<ApiOrders, 'refused'>;
  readonly output: OrderOutput;
  readonly memberStreams: MemberStreams;
  readonly directory: DirectorySource;
}

const MAX_LISTED = 100;

/** Resolvers of the SDL's rfq part: the caller's own, and what the caller's venue lets it answer. */
export function createRfqResolvers(needs: RfqNeeds) {
  return {
    Query: rfqQueries(needs),
    Mutation: { ...requesterMutations(needs), ...responderMutations(needs) },
    Subscription: rfqSubscriptions(needs),
    RequestQuotesResult: { __resolveType: refusalOr('QuotesRequested') },
    AcceptQuoteResult: { __resolveType: refusalOr('QuoteAccepted') },
    CancelQuoteRequestResult: { __resolveType: refusalOr('QuoteRequestCanceled') },
    SubmitQuoteResult: { __resolveType: refusalOr('QuoteSubmitted') },
    CancelQuoteResult: { __resolveType: refusalOr('QuoteCanceled') },
  };
}

function rfqQueries(needs: RfqNeeds) {
  const { venue, negotiation } = needs;
  const memberOf = (context: ApiContext) => requireCaller(context, venue, 'orders:read').member;
  return {
    async quoteRequest(
      _root: unknown,
      {
        id,
        clientRequestId,
      }: { readonly id?: string | null; readonly clientRequestId?: string | null },
      context: ApiContext,
    ) {
      const member = memberOf(context);
      if ((id == null) === (clientRequestId == null)) {
        throw apiError('BAD_USER_INPUT', 'Give either `id` or `clientRequestId`, and not both.');
      }
      const by = id == null ? { clientRequestId: clientRequestId ?? '' } : { id };
      const found = await negotiation.find(member, by);
      return found ? requestOutput(needs, found) : null;
    },
    async quoteRequests(
      _root: unknown,
      { first }: { readonly first?: number | null },
      context: ApiContext,
    ) {
      const member = memberOf(context);
      const found = await negotiation.list(member, boundedCount('first', first, MAX_LISTED));
      return found.map((one) => requestOutput(needs, one));
    },
    async quoteRequestsToAnswer(_root: unknown, _args: unknown, context: ApiContext) {
      const found = await negotiation.toAnswer(memberOf(context));
      return found.map((one) => answerableOutput(needs, one));
    },
  };
}

function requesterMutations(needs: RfqNeeds) {
  const { venue, negotiation, output, directory, orders } = needs;
  return {
    async requestQuotes(
      _root: unknown,
      { input }: { readonly input: RequestQuotesInput },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const asked = readQuoteRequest(directory.current(), input);
      if (isRefusal(asked)) {
        await orders.refused(caller, { action: 'request-quotes' }, asked);
        return asked;
      }
      const requested = await negotiation.request(caller, asked);
      if (isRefusal(requested)) return requested;
      const { request, existed } = requested;
      return { request: requestOutput(needs, request), existed };
    },
    async acceptQuote(
      _root: unknown,
      {
        input,
      }: {
        readonly input: {
          readonly clientOrderId: string;
          readonly quoteId: string;
          readonly side?: keyof typeof SIDES | null;
        };
      },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const { clientOrderId, quoteId } = input;
      const side = input.side == null ? undefined : SIDES[input.side];
      const accepted = await negotiation.accept(caller, { clientOrderId, quoteId, side });
      if (isRefusal(accepted)) return accepted;
      return { order: output.order(accepted.order), existed: accepted.existed };
    },
    async cancelQuoteRequest(_root: unknown, { id }: { readonly id: string }, context: ApiContext) {
      const caller = requireCaller(context, venue, 'orders:write');
      const canceled = await negotiation.cancelRequest(caller, id);
      return isRefusal(canceled) ? canceled : { request: requestOutput(needs, canceled) };
    },
  };
}

function responderMutations(needs: RfqNeeds) {
  const { venue, negotiation, directory, orders } = needs;
  const shown = async ({ member }: Caller, quote: GivenQuoteRow) => {
    const request = await negotiation.oneToAnswer(member, quote.requestId);
    const instrument: Instrument | undefined =
      request && instrumentOf(directory, request.instrument);
    return instrument ? { quote: ownQuoteOutput(needs, instrument, quote) } : unknownRequest();
  };
  return {
    async submitQuote(
      _root: unknown,
      { input }: { readonly input: SubmitQuoteInput },
      context: ApiContext,
    ) {
      const caller = requireCaller(context, venue, 'orders:write');
      const request = await negotiation.oneToAnswer(caller.member, input.requestId);
      // The request's instrument says what the quote's amounts are written in.
      const quote = request
        ? readQuote(instrumentOf(directory, request.instrument), input)
        : unknownRequest();
      if (isRefusal(quote)) {
        await orders.refused(caller, { action: 'submit-quote' }, quote);
        return quote;
      }
      const given = await negotiation.submit(caller, quote);
      return isRefusal(given) ? given : shown(caller, given);
    },
    async cancelQuote(_root: unknown, { id }: { readonly id: string }, context: ApiContext) {
      const caller = requireCaller(context, venue, 'orders:write');
      const ended = await negotiation.withdraw(caller, id);
      return isRefusal(ended) ? ended : shown(caller, ended);
    },
  };
}

function rfqSubscriptions(needs: RfqNeeds) {
  const { venue, negotiation, memberStreams } = needs;
  return {
    quoteRequestChanges: {
      subscribe(_root: unknown, _args: unknown, context: ApiContext) {
        const { member } = requireCaller(context, venue, 'orders:read');
        return memberStreams.open(context, member, (signal) => negotiation.follow(member, signal));
      },
      resolve(request: QuoteRequestView | GraphQLError) {
        if (request instanceof GraphQLError) throw request;
        return requestOutput(needs, request);
      },
    },
    quoteRequestsToAnswerChanges: {
      subscribe(_root: unknown, _args: unknown, context: ApiContext) {
        const { member } = requireCaller(context, venue, 'orders:read');
        return memberStreams.open(context, member, (signal) =>
          negotiation.followToAnswer(member, signal),
        );
      },
      resolve(request: AnswerableRequest | GraphQLError) {
        if (request instanceof GraphQLError) throw request;
        return answerableOutput(needs, request);
      },
    },
  };
}

function unknownRequest() {
  const message = 'There is no such request for quote, or it is not for you.';
  return refuse('QUOTE_REQUEST_UNKNOWN', message, 'Take the id from those you may answer.');
}
