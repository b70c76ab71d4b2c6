import { type ApiError, StoaClientError } from './client-error.ts';
import {
  AcceptQuoteDocument,
  type AcceptQuoteInput,
  OrderByClientOrderIdDocument,
  type OrderDetailFieldsFragment,
  PlaceOrderDocument,
  type PlaceOrderInput,
  type PlaceOrderMutation,
} from './generated/api.ts';
import type { MutationOutcome } from './mutation-outcome.ts';
import { isRefusal, type RefusalOf } from './refusals.ts';
import type { CallOptions, StoaClient } from './stoa-client.ts';

/** A refusal of an order. */
export type OrderRefusal = RefusalOf<PlaceOrderMutation['placeOrder']>;

/** What came of sending an order. */
export type OrderEntryOutcome =
  /** It is recorded; `existed` where it had been before, under the same client order id. */
  | {
      readonly kind: 'placed';
      readonly existed: boolean;
      readonly order: OrderDetailFieldsFragment;
    }
  /** An expected no: nothing was done. */
  | { readonly kind: 'refused'; readonly refusal: OrderRefusal }
  /** It was turned away before anybody looked at it, as for a token: nothing was done. */
  | { readonly kind: 'not-done'; readonly errors: readonly ApiError[] }
  /**
   * It may have been placed or not. `ask()` says what its home node has under the client order id: null as
   * long as it has none, which a request still on its way can change. It throws NO_ANSWER or OPERATION_FAILED
   * where the home node does not say. Sending the same order again, under the same client order id, is safe:
   * it answers the order that there is.
   */
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      readonly clientOrderId: string;
      ask(): Promise<OrderDetailFieldsFragment | null>;
    };

/** What an order's answer may wait for. */
export interface PlaceOrderOptions extends CallOptions {
  /** How long the answer waits for what the venues say, in milliseconds: 0 to 5000. */
  readonly answerWithinMs?: number;
  readonly answerOn?: 'ACKNOWLEDGED' | 'DONE';
}

/**
 * Places an order: sent once. Keep the client order id, with what it stands for, before it is sent: by it
 * alone can be asked what became of it.
 */
export async function placeOrder(
  client: StoaClient,
  input: PlaceOrderInput,
  options: PlaceOrderOptions = {},
): Promise<OrderEntryOutcome> {
  const { answerWithinMs, answerOn, ...call } = options;
  const sent = await client.mutate(
    PlaceOrderDocument,
    {
      input,
      ...(answerWithinMs === undefined ? {} : { answerWithinMs }),
      ...(answerOn === undefined ? {} : { answerOn }),
    },
    call,
  );
  const answer = sent.outcome === 'ANSWERED' ? sent.data.placeOrder : undefined;
  return entryOutcome(client, input.clientOrderId, sent, answer);
}

/** Takes a firm quote, whole; it becomes an order under the client order id. Sent once, as orders are. */
export async function acceptQuote(
  client: StoaClient,
  input: AcceptQuoteInput,
  options: CallOptions = {},
): Promise<OrderEntryOutcome> {
  const sent = await client.mutate(AcceptQuoteDocument, { input }, options);
  const answer = sent.outcome === 'ANSWERED' ? sent.data.acceptQuote : undefined;
  return entryOutcome(client, input.clientOrderId, sent, answer);
}

type EntryAnswer =
  | {
      readonly __typename: string;
      readonly existed: boolean;
      readonly order: OrderDetailFieldsFragment;
    }
  | OrderRefusal;

function entryOutcome(
  client: StoaClient,
  clientOrderId: string,
  sent: MutationOutcome<unknown>,
  answer: EntryAnswer | undefined,
): OrderEntryOutcome {
  if (answer) {
    if (isRefusal(answer)) return { kind: 'refused', refusal: answer };
    return { kind: 'placed', existed: answer.existed, order: answer.order };
  }
  if (sent.outcome === 'NOT_DONE') return { kind: 'not-done', errors: sent.errors };
  return {
    kind: 'unknown',
    reason: sent.outcome === 'UNKNOWN' ? sent.reason : '',
    clientOrderId,
    async ask() {
      const { data, errors } = await client.query(OrderByClientOrderIdDocument, { clientOrderId });
      // No order beside an error is no word of the home node's: it may well have one.
      if (data.order === null && errors[0]) {
        throw new StoaClientError('OPERATION_FAILED', errors[0].message, { errors });
      }
      return data.order;
    },
  };
}
