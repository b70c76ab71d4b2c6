import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { quoteRequests } from '../store/tables/quote-requests.ts';
import { quotes } from '../store/tables/quotes.ts';

export type QuoteRequestRow = typeof quoteRequests.$inferSelect;
export type QuoteRow = typeof quotes.$inferSelect;

/** A request for quote with the quotes that came. */
export interface QuoteRequestView extends QuoteRequestRow {
  readonly quotes: readonly QuoteRow[];
}

/** Quotes of one request that are kept, at most: a venue that sends more is not heard. */
export const MAX_QUOTES = 200;

/** Requests with their quotes, in the order of the rows. */
export async function withQuotes(
  database: Database,
  rows: readonly QuoteRequestRow[],
): Promise<QuoteRequestView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const found = await database
    .select()
    .from(quotes)
    .where(inArray(quotes.requestId, ids))
    .orderBy(asc(quotes.receivedAtMs), asc(quotes.id));
  const byRequest = Map.groupBy(found, ({ requestId }) => requestId);
  return rows.map((row) => ({ ...row, quotes: byRequest.get(row.id) ?? [] }));
}

/** A member's latest requests. */
export async function readRequests(
  database: Database,
  member: string,
  limit: number,
): Promise<QuoteRequestView[]> {
  const rows = await database
    .select()
    .from(quoteRequests)
    .where(eq(quoteRequests.member, member))
    .orderBy(desc(quoteRequests.number))
    .limit(limit);
  return withQuotes(database, rows);
}

/** Holds a request for this transaction. */
export async function holdRequest(
  tx: Transaction,
  id: string,
): Promise<QuoteRequestRow | undefined> {
  const [row] = await tx.select().from(quoteRequests).where(eq(quoteRequests.id, id)).for('update');
  return row;
}

/** Holds a quote for this transaction. */
export async function holdQuote(tx: Transaction, id: string): Promise<QuoteRow | undefined> {
  const [row] = await tx.select().from(quotes).where(eq(quotes.id, id)).for('update');
  return row;
}

/** When something of what is open is over next. */
export async function nextExpiryMs(tx: Transaction): Promise<number> {
  const [row] = await tx.execute<{ at: string | null }>(sql`
    select min(at) as at from (
      select min(expire_at_ms) as at from quote_requests where status = 'open'
      union all select min(valid_until_ms) from quotes where status = 'firm'
      union all select min(expire_at_ms) from quote_inquiries where status = 'open'
      union all select min(valid_until_ms) from given_quotes where status = 'firm') as times`);
  return row?.at == null ? Number.POSITIVE_INFINITY : Number(row.at);
}

/** Sentences of codes with which quotes end at their home. */
export const WHY_ENDED: Readonly<Record<string, string>> = {
  QUOTE_NOT_CHOSEN: 'No quote is wanted any more.',
  QUOTE_EXPIRED: 'The quote’s time is over.',
};

/** Ends the quotes of a request that stand at its home. */
export async function endQuotesOf(tx: Transaction, requestId: string, code: string): Promise<void> {
  await tx
    .update(quotes)
    .set({ status: 'ended', code, message: WHY_ENDED[code] ?? code })
    .where(and(eq(quotes.requestId, requestId), eq(quotes.status, 'firm')));
}
