import { asc, eq, inArray } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { fades } from '../../store/tables/fades.ts';
import { receipts } from '../../store/tables/receipts.ts';
import { sentLegs } from '../../store/tables/sent-legs.ts';
import { sha256Hex } from './canonical-json.ts';
import {
  type DirectoryExtract,
  FADE_FORMAT,
  type FadeBody,
  type FadeDocument,
  RECEIPT_FORMAT,
  type ReceiptDocument,
  type RevisionBody,
} from './receipt.ts';
import { type Evidence, readEvidence } from './receipt-evidence.ts';

/** The receipt of an order, whole, for export; undefined for an order that was never routed. */
export async function readReceipt(
  database: Database,
  orderId: string,
): Promise<ReceiptDocument | undefined> {
  const rows = await database
    .select({ body: receipts.body, signature: receipts.signature })
    .from(receipts)
    .where(eq(receipts.orderId, orderId))
    .orderBy(asc(receipts.revision));
  if (rows.length === 0) return undefined;
  const revisions = rows.map(({ body, signature }) => ({
    body: JSON.parse(body) as RevisionBody,
    signature: base64url(signature),
  }));
  const bodies = revisions.map(({ body }) => body);
  const sent = await readSent(database, bodies);
  const found = await readEvidence(database, bodies.flatMap(hashesOf));
  for (const order of sent) found.set(order.hash, order);
  const orders = sent.map(({ hash }) => hash);
  return { format: RECEIPT_FORMAT, revisions, orders, ...sections(found.values()) };
}

/** What was judged of one leg, with its evidence; undefined where there is none to show. */
export async function readFade(
  database: Database,
  legId: string,
): Promise<FadeDocument | undefined> {
  const [row] = await database.select().from(fades).where(eq(fades.legId, legId));
  if (!row?.body || !row.signature) return undefined;
  const body = JSON.parse(row.body) as FadeBody;
  const { directory, quote, order, answers, between } = body;
  const found = await readEvidence(database, [directory, quote, order, ...answers, ...between]);
  const signature = base64url(row.signature);
  return { format: FADE_FORMAT, body, signature, ...sections(found.values()) };
}

/** Legs as they were sent to other venues; those that came of a revision. */
async function readSent(database: Database, bodies: readonly RevisionBody[]): Promise<Evidence[]> {
  const ids = bodies.flatMap((body) =>
    body.kind === 'decision' ? body.legs.map(({ id }) => id) : [],
  );
  if (ids.length === 0) return [];
  const rows = await database
    .select()
    .from(sentLegs)
    .where(inArray(sentLegs.legId, ids))
    .orderBy(asc(sentLegs.legId));
  return rows.map(({ message }) => ({
    ...{ hash: sha256Hex(message), kind: 'message' as const, bytes: message },
  }));
}

/** All that a revision refers to. */
function hashesOf(body: RevisionBody): string[] {
  const named =
    body.kind === 'decision'
      ? body.venues.flatMap(({ book, status, latest, terms }) => [book, status, latest, terms])
      : body.reports.map(({ message }) => message);
  return [body.directory, ...named.filter((hash) => hash !== undefined)];
}

function sections(
  evidence: Iterable<Evidence>,
): Pick<ReceiptDocument, 'directories' | 'frames' | 'messages'> {
  const directories: Record<string, DirectoryExtract> = {};
  const frames: Record<string, string> = {};
  const messages: Record<string, string> = {};
  for (const { hash, kind, bytes } of evidence) {
    if (kind === 'directory') directories[hash] = JSON.parse(Buffer.from(bytes).toString());
    else (kind === 'frame' ? frames : messages)[hash] = base64url(bytes);
  }
  return { directories, frames, messages };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
