import type { OrderTerms } from './life/order-types.ts';

/** What a member asked for of an order, as everybody who may see the order sees it. */
export type AskedTerms = Omit<OrderTerms, 'endsAtMs'>;

/** The same, where what was not asked for may be null, as rows have it. */
type Given = {
  readonly [Term in keyof AskedTerms]:
    | AskedTerms[Term]
    | (undefined extends AskedTerms[Term] ? null : never);
};

/** The terms among all that is known of an order, whether a row says it or its state. */
export function askedTerms(order: Given): AskedTerms {
  return {
    side: order.side,
    type: order.type,
    timeInForce: order.timeInForce,
    expireAtMs: order.expireAtMs ?? undefined,
    minQuantity: order.minQuantity ?? undefined,
    allOrNone: order.allOrNone,
    strategy: order.strategy,
    directedTo: order.directedTo ?? undefined,
    remainder: order.remainder,
    cancelOnDisconnect: order.cancelOnDisconnect,
    quoteId: order.quoteId ?? undefined,
  };
}
