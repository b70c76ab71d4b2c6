import type { LegOrder, MemberId, OrderMessageBody, VenueId } from '@stoa/schema';
import type { LegMandates } from '../settlement/mandates/held-mandates.ts';
import type { Transaction } from '../store/database.ts';
import type { AfterCommit } from './after-commit.ts';
import type { LegAsk, OwnLegs } from './leg-reports.ts';
import type { NewLeg, OrderEffect } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { OrderSessions } from './sessions/order-session.ts';

export interface OutgoingNeeds {
  readonly sessions: Pick<OrderSessions, 'send'>;
  /** What investors signed that venues may do; absent: nobody needs it. */
  readonly mandates?: Partial<LegMandates>;
  /** Takes what is for this venue's own book. */
  readonly ownLegs: (tx: Transaction, own: OwnLegs, after: AfterCommit) => Promise<void>;
}

/** What a transaction has to say about legs: gathered as it comes up, written once and in order. */
export class Outgoing {
  readonly #venue: VenueId;
  readonly #added: LegOrder[] = [];
  readonly #asked: LegAsk[] = [];
  readonly #messages = new Map<MemberId, OrderMessageBody[]>();
  /** Legs whose trades another home may settle: what takes at once is settled from here. */
  readonly #resting = new Set<LegOrder>();

  constructor(venue: VenueId) {
    this.#venue = venue;
  }

  /** A new leg goes to its venue. */
  send(order: StoredOrder, leg: NewLeg): void {
    const { id: legId, venue, timeInForce, quantity, limitPrice } = leg;
    const { expireAtMs, minQuantity, allOrNone } = leg;
    const { instrument, member, account } = order;
    const { side, quoteId } = order.state;
    const asOrder: LegOrder = {
      ...{ legId, instrument, side, timeInForce, quantity, limitPrice, member, account },
      ...(expireAtMs === undefined ? {} : { expireAtMs }),
      ...(minQuantity === undefined ? {} : { minQuantity }),
      ...(allOrNone ? { allOrNone } : {}),
      ...(quoteId === undefined ? {} : { quoteId }),
    };
    if (venue === this.#venue) this.#added.push(asOrder);
    else this.#message(venue, { kind: 'leg-new', leg: asOrder });
    if (leg.purpose === 'rest') this.#resting.add(asOrder);
  }

  /** A leg's venue is asked what an effect says. */
  ask({ kind, leg }: Extract<OrderEffect, { readonly leg: unknown }>): void {
    const body = askOf(kind, leg);
    if (leg.venue === this.#venue) this.#asked.push(body);
    else this.#message(leg.venue, body);
  }

  async write(tx: Transaction, needs: OutgoingNeeds, after: AfterCommit): Promise<void> {
    const isForHere = this.#added.length > 0 || this.#asked.length > 0;
    for (const [to, bodies] of this.#messages) {
      const mandated = bodies.flatMap((body) => {
        const isResting = body.kind === 'leg-new' && this.#resting.has(body.leg);
        const held = isResting ? needs.mandates?.heldFor?.(tx, body.leg) : undefined;
        return held ? [held, body] : [body];
      });
      needs.sessions.send(tx, to, ...mandated);
    }
    if (isForHere) await needs.ownLegs(tx, { added: this.#added, asked: this.#asked }, after);
  }

  #message(to: MemberId, body: OrderMessageBody): void {
    const bodies = this.#messages.get(to);
    if (bodies) bodies.push(body);
    else this.#messages.set(to, [body]);
  }
}

function askOf(
  kind: 'cancel-leg' | 'replace-leg' | 'ask-status',
  {
    id: legId,
    revision,
    pending,
    quantity,
    limitPrice,
  }: Extract<OrderEffect, { leg: unknown }>['leg'],
): LegAsk {
  if (kind === 'cancel-leg') return { kind: 'leg-cancel', legId };
  if (kind === 'ask-status') return { kind: 'leg-status-request', legId };
  return { kind: 'leg-replace', legId, revision, ...(pending ?? { quantity, limitPrice }) };
}
