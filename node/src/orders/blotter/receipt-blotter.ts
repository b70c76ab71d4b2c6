import { CodedError, type InstrumentId, type MemberId, type VenueId } from '@stoa/schema';
import { and, asc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { readFade, readReceipt } from '../../routing/receipts/receipt-reader.ts';
import type { Database } from '../../store/database.ts';
import { fades } from '../../store/tables/fades.ts';
import { orders } from '../../store/tables/orders.ts';
import { receipts } from '../../store/tables/receipts.ts';
import { isIdOf } from '../id-codes.ts';
import { CLIENT_ORDER_ID } from '../terms/order-validation.ts';
import { type KeyRange, type Page, type PageRequest, readPage } from './keyset-page.ts';
import { byPlace, placedWithin } from './order-place.ts';

/** The proof behind an order's routing, as it is listed. */
export interface ReceiptView {
  readonly orderId: string;
  readonly revisions: number;
  /** Unix milliseconds of the first and of the last revision. */
  readonly beganAtMs: number;
  readonly updatedAtMs: number;
}

/** A firm quote that was not honoured. */
export interface FadeView {
  readonly orderId: string;
  readonly legId: string;
  readonly venue: VenueId;
  readonly code: string;
  readonly message: string;
  /** Whether the venue's own signatures show it; it signs nothing where it does not answer. */
  readonly proven: boolean;
  readonly foundAtMs: number;
}

/** Which receipts are listed; times are Unix milliseconds, `beganToMs` is not included. */
export interface ReceiptFilter {
  readonly orderId?: string;
  readonly instrument?: InstrumentId;
  readonly beganFromMs?: number;
  readonly beganToMs?: number;
}

/** What a node's brokers read of receipts. Whatever is another member's is as if it were not. */
export interface ReceiptBlotter {
  /** Those of the newest order first. @throws CodedError `CURSOR_INVALID` */
  receipts(member: MemberId, page: PageRequest, filter: ReceiptFilter): Promise<Page<ReceiptView>>;
  /** The receipts of these orders, which must be the reader's own. */
  receiptsOf(orderIds: readonly string[]): Promise<ReadonlyMap<string, ReceiptView>>;
  /** The whole receipt as JSON text; of an order that has one. */
  document(orderId: string): Promise<string>;
  /** The first 100 fades of each of these orders, which must be the reader's own. */
  fadesOf(orderIds: readonly string[]): Promise<ReadonlyMap<string, readonly FadeView[]>>;
  /** The evidence of a fade as JSON text; undefined where there is none to show. */
  fadeDocument(legId: string): Promise<string | undefined>;
}

const MAX_FADES = 100;

/** Reads receipts from the store of a home node. */
export function createReceiptBlotter(venue: VenueId, database: Database): ReceiptBlotter {
  return {
    receipts: (member, page, filter) => receiptPage(database, { venue, member }, page, filter),
    async receiptsOf(orderIds) {
      const rows = await receiptRows(database).where(inArray(orders.id, [...orderIds]));
      return new Map(rows.map((row) => [row.orderId, receiptView(row)]));
    },
    async document(orderId) {
      const document = await readReceipt(database, orderId);
      // Revisions are never deleted, and whoever asks has seen one.
      if (document === undefined) throw new CodedError('RECEIPT_LOST', 'A receipt is gone.');
      return JSON.stringify(document);
    },
    async fadesOf(orderIds) {
      const rows = await database
        .select()
        .from(fades)
        .where(
          and(
            inArray(fades.orderId, [...orderIds]),
            // What may have been the clocks, or under way, is no fade.
            inArray(fades.verdict, ['fade', 'unanswered']),
          ),
        )
        .orderBy(asc(fades.orderId), asc(fades.legId))
        .limit(MAX_FADES * Math.max(orderIds.length, 1));
      return Map.groupBy(rows.map(fadeView), ({ orderId }) => orderId);
    },
    async fadeDocument(legId) {
      const document = await readFade(database, legId);
      return document && JSON.stringify(document);
    },
  };
}

function receiptPage(
  database: Database,
  { venue, member }: { readonly venue: VenueId; readonly member: MemberId },
  page: PageRequest,
  { orderId, instrument, beganFromMs, beganToMs }: ReceiptFilter,
): Promise<Page<ReceiptView>> {
  const began = sql`receipt.began_at_ms`;
  const wanted: (SQL | undefined)[] = [
    eq(orders.member, member),
    instrument === undefined ? undefined : eq(orders.instrument, instrument),
    beganFromMs === undefined ? undefined : gte(began, beganFromMs),
    beganToMs === undefined ? undefined : lt(began, beganToMs),
  ];
  if (orderId !== undefined) {
    wanted.push(CLIENT_ORDER_ID.test(orderId) ? eq(orders.id, orderId) : sql`false`);
  }
  return readPage(page, {
    cursorOf: (row: ReceiptView) => row.orderId,
    keyOf: (cursor) => (isIdOf(venue, cursor, 'order') ? cursor : undefined),
    async read(range: KeyRange<string>, oldestFirst, limit) {
      const rows = await receiptRows(database)
        .where(and(...wanted, ...placedWithin(member, range)))
        .orderBy(byPlace(oldestFirst))
        .limit(limit);
      return rows.map(receiptView);
    },
  });
}

function receiptRows(database: Database) {
  const receipt = database
    .select({
      revisions: sql<string>`count(*)`.as('revisions'),
      beganAtMs: sql<string>`min(${receipts.atMs})`.as('began_at_ms'),
      updatedAtMs: sql<string>`max(${receipts.atMs})`.as('updated_at_ms'),
    })
    .from(receipts)
    .where(eq(receipts.orderId, orders.id))
    .having(sql`count(*) > 0`)
    .as('receipt');
  return database
    .select({
      orderId: orders.id,
      revisions: receipt.revisions,
      beganAtMs: receipt.beganAtMs,
      updatedAtMs: receipt.updatedAtMs,
    })
    .from(orders)
    .innerJoinLateral(receipt, sql`true`)
    .$dynamic();
}

type ReceiptRow = Awaited<ReturnType<ReturnType<typeof receiptRows>['execute']>>[number];

function receiptView(row: ReceiptRow): ReceiptView {
  return {
    orderId: row.orderId,
    revisions: Number(row.revisions),
    beganAtMs: Number(row.beganAtMs),
    updatedAtMs: Number(row.updatedAtMs),
  };
}

function fadeView(row: typeof fades.$inferSelect): FadeView {
  const { orderId, legId, venue, code, message, verdict, dueAtMs } = row;
  return {
    ...{ orderId, legId, venue, code: code ?? '', message: message ?? '' },
    proven: verdict === 'fade',
    foundAtMs: dueAtMs,
  };
}
