import {
  type DirectorySource,
  type InstrumentId,
  type NodeKey,
  type OrderMessageBody,
  type Price,
  type Quantity,
  type Side,
  type VenueId,
  type VenueTerms,
} from '@stoa/schema';
import { type SQL, sql } from 'drizzle-orm';
import type { LoggedFrame } from '../../market/logged-frame.ts';
import type { VenueEvidence } from '../../market/market-view.ts';
import { isAnyTextOf } from '../../store/any-of.ts';
import type { Transaction } from '../../store/database.ts';
import { insertRows } from '../../store/insert-rows.ts';
import { fades } from '../../store/tables/fades.ts';
import { receipts } from '../../store/tables/receipts.ts';
import { ask, issue } from '../../store/transactions.ts';
import type { Route, RouteInput } from '../route.ts';
import { routeInputToJson } from '../route-json.ts';
import { canonicalJson, sha256Hex } from './canonical-json.ts';
import { createExtractCache, type NamedExtract, type RegistrySource } from './directory-extract.ts';
import { ownWord } from './own-word.ts';
import { type DecisionVenue, MAX_REPORTS, type ReceiptLeg, type RevisionBody } from './receipt.ts';
import { type Evidence, EvidenceShelf } from './receipt-evidence.ts';

export interface ReceiptStoreNeeds {
  /** This node, and the key it signs with. */
  readonly home: VenueId;
  readonly nodeKey: NodeKey;
  readonly registry: RegistrySource;
  /** As the market has it. */
  readonly staleAfterMs: number;
  readonly directory: DirectorySource;
  /** Terms of venues, with the SignedOrderMessage that told them; none for this node's own. */
  readonly terms: {
    of(
      venue: VenueId,
    ): { readonly terms: VenueTerms; readonly signed: Uint8Array | undefined } | undefined;
  };
  readonly nowMs: () => number;
}

/** A leg as it is sent; what is undefined is not asked for. */
type SentLeg = Omit<ReceiptLeg, 'minQuantity' | 'allOrNone' | 'expireAtMs'> & {
  readonly minQuantity?: Quantity | undefined;
  readonly allOrNone?: boolean | undefined;
  readonly expireAtMs?: number | undefined;
};

/** A routing decision: what went in, what came out, and the frames behind it. */
export interface RoutingDecision {
  readonly orderId: string;
  readonly round: number;
  readonly input: RouteInput;
  readonly route: Route;
  /** The legs that were made of it, one that waits among them. */
  readonly legs: readonly SentLeg[];
  /** `market.evidence(…)`, asked in the turn in which the input's book was. */
  readonly frames: readonly VenueEvidence[];
  /** Nothing of this order can be recorded yet: saves looking. */
  readonly isFirst?: boolean;
}

/** What came of a leg. */
export interface LegOutcome {
  readonly orderId: string;
  readonly instrument: InstrumentId;
  readonly side: Side;
  readonly leg: {
    readonly id: string;
    readonly venue: VenueId;
    readonly purpose: 'route' | 'rest';
    readonly round: number;
    readonly quantity: Quantity;
    readonly limitPrice: Price;
  };
  /**
   * What the venue said: with the SignedOrderMessage that brought it, or undefined where the venue is
   * this node. Or that it said nothing, and why that is thought.
   */
  readonly said:
    | { readonly body: OrderMessageBody; readonly signed: Uint8Array | undefined }
    | { readonly silent: string };
}

/** Writes receipts; see docs/receipts.md. The caller's transaction holds the orders concerned. */
export interface ReceiptStore {
  /**
   * Reads where the receipts of these orders stand, which the others then need not. The orders are
   * held, or the statement that holds them was sent before.
   */
  expect(tx: Transaction, orderIds: readonly string[]): Promise<void>;
  /** In the transaction that records the decision. Reads memory and writes once. */
  record(tx: Transaction, decision: RoutingDecision): Promise<void>;
  /**
   * In the transaction that records them. However many there are, each order gets one revision. Of
   * an order without a receipt nothing is recorded.
   */
  legOutcomes(tx: Transaction, outcomes: readonly LegOutcome[]): Promise<void>;
}

/** So long after the venue's word, what was under way has arrived. */
const FADE_SETTLE_MS = 2_000;
/** So long a venue that did not answer may still do so. */
const FADE_SILENCE_MS = 10_000;

/** Creates the store of receipts. */
export function createReceiptStore(needs: ReceiptStoreNeeds): ReceiptStore {
  return new Receipts(needs);
}

type Row = typeof receipts.$inferInsert;

/** What a revision is before it has its place in the chain. */
type Unchained = RevisionBody extends infer Body
  ? Body extends RevisionBody
    ? Omit<Body, 'home' | 'revision' | 'previous' | 'atMs'>
    : never
  : never;

interface Last {
  readonly revision: number;
  readonly hash: string;
}

class Receipts implements ReceiptStore {
  readonly #needs: ReceiptStoreNeeds;
  readonly #shelf = new EvidenceShelf();
  /** The last revision of each order that a transaction asked for or wrote; undefined for none. */
  readonly #last = new WeakMap<Transaction, Map<string, Last | undefined>>();
  readonly #extract: ReturnType<typeof createExtractCache>;
  readonly #frames = new WeakMap<LoggedFrame, Evidence>();
  readonly #ownTerms = new WeakMap<VenueTerms, Evidence>();
  readonly #toldTerms = new WeakMap<Uint8Array, Evidence>();

  constructor(needs: ReceiptStoreNeeds) {
    this.#needs = needs;
    this.#extract = createExtractCache(needs);
  }

  async expect(tx: Transaction, orderIds: readonly string[]): Promise<void> {
    await this.#lastOf(tx, orderIds);
  }

  async record(tx: Transaction, decision: RoutingDecision): Promise<void> {
    const { orderId, round, input, route, legs } = decision;
    const { instrument } = input.book;
    const directory = this.#extract(this.#needs.directory.current(), instrument);
    if (!directory) return;
    const evidence = new Map<string, Evidence>();
    add(evidence, { hash: directory.hash, kind: 'directory', bytes: directory.bytes });
    const shown = new Map(decision.frames.map((frames) => [frames.venue, frames]));
    const venues = input.book.venues.map(({ venue, state }) =>
      this.#venue(evidence, venue, state, shown.get(venue)),
    );
    // The book is left out: it follows from the frames, and who replays the decision makes it anew.
    const book = { instrument, asOfMs: 0, venues: [] };
    const body: Unchained = {
      ...{ kind: 'decision', orderId, directory: directory.hash, round, venues },
      staleAfterMs: this.#needs.staleAfterMs,
      input: routeInputToJson({ ...input, book }) as Record<string, unknown>,
      route: asJson(route),
      legs: asJson(legs.map(asSent)),
    };
    const last = decision.isFirst
      ? this.#last.get(tx)?.get(orderId)
      : (await this.#lastOf(tx, [orderId])).get(orderId);
    const row = this.#row(body, last);
    this.#note(tx, [row]);
    this.#shelf.keep(tx, [...evidence.values()], receiptRows([row]));
  }

  async legOutcomes(tx: Transaction, outcomes: readonly LegOutcome[]): Promise<void> {
    const orders = Map.groupBy(outcomes, ({ orderId }) => orderId);
    const last = await this.#lastOf(tx, [...orders.keys()]);
    const evidence = new Map<string, Evidence>();
    const rows: Row[] = [];
    const suspects = new Map<string, typeof fades.$inferInsert>();
    for (const [orderId, told] of orders) {
      const [first] = told;
      const before = last.get(orderId);
      const directory = first && this.#extract(this.#needs.directory.current(), first.instrument);
      if (!before || !directory) continue;
      add(evidence, { hash: directory.hash, kind: 'directory', bytes: directory.bytes });
      let previous: Last = before;
      for (let at = 0; at < told.length; at += MAX_REPORTS) {
        const part = told.slice(at, at + MAX_REPORTS);
        const row = this.#row(this.#outcome(orderId, directory, part, evidence), previous);
        rows.push(row);
        previous = row;
      }
      for (const outcome of told) {
        const suspect = this.#suspect(outcome);
        if (suspect) suspects.set(suspect.legId, suspect);
      }
    }
    if (rows.length === 0) return;
    this.#note(tx, rows);
    this.#shelf.keep(tx, [...evidence.values()], receiptRows(rows));
    if (suspects.size === 0) return;
    const doubtful = tx.insert(fades).values([...suspects.values()]);
    issue(tx, doubtful.onConflictDoNothing());
  }

  async #lastOf(
    tx: Transaction,
    orderIds: readonly string[],
  ): Promise<ReadonlyMap<string, Last | undefined>> {
    const known = this.#known(tx);
    const others = orderIds.filter((id) => !known.has(id));
    if (others.length === 0) return known;
    const read = await lastOf(tx, others);
    // What was written while it was read is later than what was read.
    for (const id of others) if (!known.has(id)) known.set(id, read.get(id));
    return known;
  }

  #note(tx: Transaction, rows: readonly Row[]): void {
    const known = this.#known(tx);
    for (const { orderId, revision, hash } of rows) known.set(orderId, { revision, hash });
  }

  #known(tx: Transaction): Map<string, Last | undefined> {
    const known = this.#last.get(tx) ?? new Map<string, Last | undefined>();
    this.#last.set(tx, known);
    return known;
  }

  #outcome(
    orderId: string,
    directory: NamedExtract,
    told: readonly LegOutcome[],
    evidence: Map<string, Evidence>,
  ): Unchained {
    const reports = told.map(({ leg, said }) => {
      const which = { legId: leg.id, venue: leg.venue };
      if ('silent' in said) return { ...which, silent: said.silent.slice(0, 1_000) };
      if (!said.signed) return { ...which, own: said.body };
      const message = messageOf(said.signed);
      add(evidence, message);
      return { ...which, message: message.hash };
    });
    return { kind: 'outcome', orderId, directory: directory.hash, reports };
  }

  /** A leg that was not filled whole: whether a quote faded is judged once all has arrived. */
  #suspect({ orderId, instrument, side, leg, said }: LegOutcome) {
    const { id: legId, venue, round, quantity, limitPrice } = leg;
    if (leg.purpose !== 'route') return undefined;
    const silent = 'silent' in said;
    if (!silent) {
      const { body } = said;
      const isShort = body.kind === 'leg-done' && body.filled < quantity;
      if (body.kind !== 'leg-rejected' && !isShort) return undefined;
    }
    const dueAtMs = this.#needs.nowMs() + (silent ? FADE_SILENCE_MS : FADE_SETTLE_MS);
    return { legId, orderId, round, venue, instrument, side, quantity, limitPrice, dueAtMs };
  }

  #venue(
    evidence: Map<string, Evidence>,
    venue: VenueId,
    state: DecisionVenue['state'],
    frames: VenueEvidence | undefined,
  ): DecisionVenue {
    const found: Record<string, string> = {};
    for (const part of ['book', 'status', 'latest'] as const) {
      const frame = frames?.[part];
      if (!frame) continue;
      const piece = this.#frame(frame);
      add(evidence, piece);
      found[part] = piece.hash;
    }
    const terms = this.#terms(venue);
    if (terms) {
      add(evidence, terms);
      found['terms'] = terms.hash;
    }
    return { venue, state, ...found };
  }

  #frame(frame: LoggedFrame): Evidence {
    const known = this.#frames.get(frame);
    if (known) return known;
    const { bytes } = frame;
    const made: Evidence = { hash: sha256Hex(bytes), kind: 'frame', bytes };
    this.#frames.set(frame, made);
    return made;
  }

  #terms(venue: VenueId): Evidence | undefined {
    const known = this.#needs.terms.of(venue);
    if (!known) return undefined;
    const { terms, signed } = known;
    const before = signed ? this.#toldTerms.get(signed) : this.#ownTerms.get(terms);
    if (before) return before;
    // Others' terms without the message that told them prove nothing.
    if (!signed && venue !== this.#needs.home) return undefined;
    const made = signed ? messageOf(signed) : this.#ownWord({ kind: 'venue-terms', terms });
    if (signed) this.#toldTerms.set(signed, made);
    else this.#ownTerms.set(terms, made);
    return made;
  }

  #ownWord(body: OrderMessageBody): Evidence {
    return ownWord(body, this.#needs.nowMs(), this.#needs);
  }

  #row(body: Unchained, last: Last | undefined): Row {
    const { home, nodeKey, nowMs } = this.#needs;
    const revision = (last?.revision ?? 0) + 1;
    const atMs = nowMs();
    const text = canonicalJson({ ...body, home, revision, previous: last?.hash, atMs });
    const isDecision = body.kind === 'decision';
    return {
      ...{ orderId: body.orderId, revision, kind: body.kind, atMs, body: text },
      round: isDecision ? body.round : null,
      routerVersion: isDecision ? body.route.routerVersion : null,
      hash: sha256Hex(text),
      signature: nodeKey.sign('receipt', Buffer.from(text)),
    };
  }
}

/** The last revision of each order. */
async function lastOf(tx: Transaction, orderIds: readonly string[]): Promise<Map<string, Last>> {
  const rows = await ask<{ order_id: string } & Last>(
    tx,
    sql`select distinct on (order_id) order_id, revision, hash from receipts
      where ${isAnyTextOf(receipts.orderId, orderIds)} order by order_id, revision desc`,
  );
  return new Map(rows.map(({ order_id, revision, hash }) => [order_id, { revision, hash }]));
}

function receiptRows(rows: readonly Row[]): SQL {
  const given = rows.map(({ signature, ...row }) => ({
    ...row,
    // As PostgreSQL reads bytes in a text.
    signature: `\\x${Buffer.from(signature).toString('hex')}`,
  }));
  return insertRows(receipts, given as never);
}

function messageOf(bytes: Uint8Array): Evidence {
  return { hash: sha256Hex(bytes), kind: 'message', bytes };
}

function add(evidence: Map<string, Evidence>, piece: Evidence): void {
  evidence.set(piece.hash, piece);
}

function asSent(leg: SentLeg): SentLeg {
  const { id, venue, purpose, timeInForce, quantity, limitPrice } = leg;
  const { minQuantity, allOrNone, expireAtMs } = leg;
  const only = { minQuantity, allOrNone, expireAtMs };
  return { id, venue, purpose, timeInForce, quantity, limitPrice, ...only };
}

/** What is undefined is left out where it is written. */
function asJson<T>(value: unknown): T {
  return value as T;
}
