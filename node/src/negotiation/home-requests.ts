import {
  type Instrument,
  type InstrumentId,
  isMemberId,
  isRefusal,
  type MemberId,
  type Refusal,
  type Side,
  type VenueId,
} from '@stoa/schema';
import { and, count, eq, sql } from 'drizzle-orm';
import type { AfterCommit } from '../orders/after-commit.ts';
import type { Caller } from '../orders/blotter/order-view.ts';
import type { Transaction } from '../store/database.ts';
import { type AskedVenue, quoteRequests } from '../store/tables/quote-requests.ts';
import type { Inquiry } from './inquiry-admission.ts';
import type { NegotiationFeed } from './negotiation-feed.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';
import { checkAsOrder, checkClientId, checkDuration, refuseQuote } from './negotiation-request.ts';
import { endQuotesOf, holdRequest, type QuoteRequestView, withQuotes } from './quote-rows.ts';
import { negotiate } from './quote-state.ts';
import type { VenueInquiries } from './venue-inquiries.ts';

/** What a broker asks for. FIX QuoteRequest(R). */
export interface QuoteRequestInput {
  readonly clientRequestId: string;
  readonly instrument: InstrumentId;
  readonly account: `0x${string}`;
  /** Undefined: both sides are to be quoted, and nobody is told which one is wanted. */
  readonly side: Side | undefined;
  readonly quantity: number;
  /** Unix milliseconds, inclusive. FIX ExpireTime(126). */
  readonly expireAtMs: number;
  /** Undefined: every venue that lists the instrument. */
  readonly venues:
    | readonly { readonly venue: VenueId; readonly responders?: readonly string[] }[]
    | undefined;
}

export interface HomeRequestsNeeds extends NegotiationNeeds {
  /** Tells members of their own requests. */
  readonly requesters: NegotiationFeed;
  /** This venue's own side. */
  readonly inquiries: Pick<VenueInquiries, 'ask' | 'cancel'>;
}

const MAX_VENUES = 20;
const MAX_RESPONDERS = 50;

/** Requests for quote at their home node: asked once, of the venues they are for and of nobody else. */
export class HomeRequests {
  readonly #needs: HomeRequestsNeeds;

  constructor(needs: HomeRequestsNeeds) {
    this.#needs = needs;
  }

  /** Asks once for each client request id; resolves when the request is durable. */
  async request(
    caller: Caller,
    input: QuoteRequestInput,
  ): Promise<{ readonly request: QuoteRequestView; readonly existed: boolean } | Refusal> {
    const before = await this.#before(caller.member, input);
    if (before) return before;
    const asked = this.#checked(caller, input);
    if (isRefusal(asked)) return asked;
    const refused =
      (await this.#tooMany(caller.member)) ?? (await this.#whyNot(caller, input, asked.instrument));
    if (refused) return refused;
    const id = await this.#needs
      .orders()
      .commit((tx, after) => this.#record(tx, { caller, input, venues: asked.venues }, after));
    if (id === undefined) {
      const again = await this.#before(caller.member, input);
      return (
        again ?? refuseQuote('CLIENT_REQUEST_ID_REUSED', 'The id was used.', 'Choose another id.')
      );
    }
    const request = await this.#view(eq(quoteRequests.id, id));
    return request ? { request, existed: false } : unknownRequest();
  }

  /** Wants no quotes any more: those that stand end, everywhere. */
  async cancel(caller: Caller, requestId: string): Promise<QuoteRequestView | Refusal> {
    const own = and(eq(quoteRequests.id, requestId), eq(quoteRequests.member, caller.member));
    const refused = await this.#needs.orders().commit(async (tx, after) => {
      const row = await holdRequest(tx, requestId);
      if (row?.member !== caller.member) return unknownRequest();
      // A repeat is answered as the first was.
      if (row.status === 'canceled') return undefined;
      const step = negotiate({ request: row.status, quote: 'firm' }, 'cancel');
      if ('refused' in step) return cannotCancel(step.refused === 'QUOTE_REQUEST_ACCEPTED');
      await tx
        .update(quoteRequests)
        .set({ status: step.request })
        .where(eq(quoteRequests.id, requestId));
      await endQuotesOf(tx, requestId, 'QUOTE_NOT_CHOSEN');
      await this.tellAll(tx, row, undefined, after);
      this.changed(after, row);
      return undefined;
    });
    return refused ?? (await this.#view(own)) ?? unknownRequest();
  }

  /** Tells every venue that was asked, but for one, that no quotes are wanted any more. */
  async tellAll(
    tx: Transaction,
    { id: requestId, venues }: { readonly id: string; readonly venues: readonly AskedVenue[] },
    except: VenueId | undefined,
    after: AfterCommit,
  ): Promise<void> {
    const { venue: self, sessions, inquiries } = this.#needs;
    for (const { venue, rejection } of venues) {
      if (venue === except || rejection) continue;
      if (venue === self) await inquiries.cancel(tx, self, requestId, after);
      else sessions.send(tx, venue, { kind: 'quote-request-cancel', requestId });
    }
  }

  /** After the commit, the member hears of it. */
  changed(
    after: AfterCommit,
    { id, member }: { readonly id: string; readonly member: MemberId },
  ): void {
    after.tell.push(() => this.#needs.requesters.changed(id, new Set([member])));
  }

  async #record(
    tx: Transaction,
    asked: {
      readonly caller: Caller;
      readonly input: QuoteRequestInput;
      readonly venues: readonly AskedVenue[];
    },
    after: AfterCommit,
  ): Promise<string | undefined> {
    const { venue: self, sessions, inquiries, newCode, nowMs } = this.#needs;
    const { caller, input, venues } = asked;
    const { member } = caller;
    const { clientRequestId, instrument, side, quantity, expireAtMs } = input;
    this.#needs.expires(expireAtMs);
    const rows = await tx.execute<{ number: string }>(
      sql`select nextval('quote_request_numbers') as number`,
    );
    const number = Number(rows[0]?.number);
    const requestId = `${self}-q${newCode()}`;
    const [row] = await tx
      .insert(quoteRequests)
      .values({
        ...{ id: requestId, number, member, clientRequestId, instrument, quantity, expireAtMs },
        account: input.account.toLowerCase() as `0x${string}`,
        ...{ side: side ?? null, venues, status: 'open', requestedAtMs: nowMs() },
      })
      .onConflictDoNothing()
      .returning();
    if (!row) return undefined;
    const validForMs = Math.max(1, expireAtMs - nowMs());
    for (const { venue, responders } of venues) {
      const body: Inquiry = {
        kind: 'quote-request',
        ...{ requestId, instrument, quantity, validForMs, member },
        ...(side === undefined ? {} : { side }),
        ...(responders === undefined ? {} : { responders: [...responders] }),
      };
      if (venue === self) await inquiries.ask(tx, self, body, expireAtMs, after);
      else sessions.send(tx, venue, body);
    }
    this.changed(after, row);
    return requestId;
  }

  /** Where it goes, and the instrument; or why it cannot be asked. */
  #checked(
    caller: Caller,
    input: QuoteRequestInput,
  ): { readonly venues: readonly AskedVenue[]; readonly instrument: Instrument } | Refusal {
    const { rules, nowMs } = this.#needs;
    const refused =
      this.#needs.orders().admit(caller.member, 'order') ??
      checkClientId(input.clientRequestId) ??
      checkDuration(input.expireAtMs - nowMs(), rules.maxValidForMs);
    if (refused) return refused;
    const named = input.venues ?? this.#listing(input.instrument);
    const distinct = new Set(named.map(({ venue }) => venue));
    const responders = named.flatMap((one) => one.responders ?? []);
    if (
      named.length === 0 ||
      named.length > MAX_VENUES ||
      distinct.size < named.length ||
      responders.length > MAX_RESPONDERS ||
      !responders.every(isMemberId)
    ) {
      const message = `Name 1 to ${MAX_VENUES} different venues, and ${MAX_RESPONDERS} responders at most.`;
      return refuseQuote(
        'QUOTE_VENUES_INVALID',
        message,
        'Leave the venues out to ask all that list it.',
      );
    }
    const { instrument, account, quantity, side = 'buy', clientRequestId: clientOrderId } = input;
    const able: AskedVenue[] = [];
    let first: Refusal | undefined;
    let found: Instrument | undefined;
    for (const one of named) {
      const as = { clientOrderId, instrument, account, quantity, side, directedTo: one.venue };
      const checked = checkAsOrder(caller, as, this.#needs);
      if (isRefusal(checked)) first ??= checked;
      else {
        found = checked;
        able.push(one);
      }
    }
    // Who names venues means all of them; who does not is served by those that can.
    if (first && (input.venues || able.length === 0)) return first;
    return found ? { venues: able, instrument: found } : unknownRequest();
  }

  #listing(
    instrument: InstrumentId,
  ): { readonly venue: VenueId; readonly responders?: readonly string[] }[] {
    return this.#needs.directory
      .current()
      .listings.filter((each) => each.instrument === instrument && each.status === 'listed')
      .map(({ venue }) => ({ venue }));
  }

  async #tooMany(member: MemberId): Promise<Refusal | undefined> {
    const { database, rules } = this.#needs;
    const [open] = await database
      .select({ count: count() })
      .from(quoteRequests)
      .where(and(eq(quoteRequests.member, member), eq(quoteRequests.status, 'open')));
    if ((open?.count ?? 0) < rules.maxOpenRequests) return undefined;
    const message = `${rules.maxOpenRequests} of your requests are open, and no more may be.`;
    return refuseQuote(
      'TOO_MANY_QUOTE_REQUESTS',
      message,
      'Cancel some, or wait until some have ended.',
    );
  }

  /** Whether the investor could hold or deliver it at all: the price is not known yet. */
  async #whyNot(
    { member }: Caller,
    { account, quantity: leaves, side }: QuoteRequestInput,
    instrument: Instrument,
  ): Promise<Refusal | undefined> {
    const asked = { member, account: account.toLowerCase() as `0x${string}`, instrument, leaves };
    let refused: Refusal | undefined;
    for (const one of side === undefined ? (['buy', 'sell'] as const) : [side]) {
      const terms = { side: one, limitPrice: undefined, worstPrice: undefined };
      const place = await this.#needs.orders().enter({ ...asked, ...terms });
      if (!isRefusal(place)) {
        place.release();
        return undefined;
      }
      refused ??= place;
    }
    return refused;
  }

  async #before(member: MemberId, input: QuoteRequestInput) {
    const { clientRequestId } = input;
    if (checkClientId(clientRequestId)) return undefined;
    const request = await this.#view(
      and(eq(quoteRequests.member, member), eq(quoteRequests.clientRequestId, clientRequestId)),
    );
    if (!request) return undefined;
    const isSame =
      request.instrument === input.instrument &&
      request.account === input.account.toLowerCase() &&
      (request.side ?? undefined) === input.side &&
      request.quantity === input.quantity;
    if (isSame) return { request, existed: true };
    const message = `The client request id "${clientRequestId}" was used for another request.`;
    return refuseQuote('CLIENT_REQUEST_ID_REUSED', message, 'Choose another client request id.');
  }

  async #view(which: ReturnType<typeof and>): Promise<QuoteRequestView | undefined> {
    const { database } = this.#needs;
    const rows = await database.select().from(quoteRequests).where(which);
    return (await withQuotes(database, rows))[0];
  }
}

function unknownRequest(): Refusal {
  const message = 'You have no request for quote of this id.';
  return refuseQuote('QUOTE_REQUEST_UNKNOWN', message, 'Take the id from your requests.');
}

function cannotCancel(isAccepted: boolean): Refusal {
  if (isAccepted) {
    const message = 'One of its quotes was taken.';
    return refuseQuote('QUOTE_REQUEST_ACCEPTED', message, 'Look at the order that came of it.');
  }
  return refuseQuote(
    'QUOTE_REQUEST_ENDED',
    'The request has ended.',
    'There is nothing to cancel.',
  );
}
