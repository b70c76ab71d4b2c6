import { type DirectorySource, type FramesRequest, type NodeKey, type VenueId } from '@stoa/schema';
import { and, asc, eq, isNull, lte } from 'drizzle-orm';
import { Counter, type Registry } from 'prom-client';
import type { VenueFeed } from '../../market/market-view.ts';
import type { Database } from '../../store/database.ts';
import { fades } from '../../store/tables/fades.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { receipts } from '../../store/tables/receipts.ts';
import { sentLegs } from '../../store/tables/sent-legs.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { canonicalJson, sha256Hex } from '../receipts/canonical-json.ts';
import { createExtractCache, type RegistrySource } from '../receipts/directory-extract.ts';
import { ownWord } from '../receipts/own-word.ts';
import type { DecisionBody, FadeBody, RevisionBody } from '../receipts/receipt.ts';
import { type Evidence, EvidenceShelf, readEvidence } from '../receipts/receipt-evidence.ts';
import {
  type OpenedFrame,
  type OpenedMessage,
  openFrame,
  openMessage,
} from '../receipts/signed-evidence.ts';
import { type FadeFinding, judgeFade } from './fade.ts';

export interface FadeDeskOptions {
  /** By how much clocks may differ and messages be under way, for the venue's benefit; default 2 s. */
  readonly allowanceMs?: number;
  /** How often it looks for what is due; default 1 s. */
  readonly tickMs?: number;
}

export interface FadeDeskNeeds {
  readonly database: Database;
  readonly home: VenueId;
  readonly nodeKey: NodeKey;
  readonly registry: RegistrySource;
  readonly directory: DirectorySource;
  readonly market: {
    readonly feeds: () => readonly VenueFeed[];
    /** SignedFrames of a range that this node still has, in order of their sequence. */
    readonly frames: (range: FramesRequest) => AsyncIterable<Uint8Array>;
  };
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

/** Judges legs that venues, this one too, did not fill as they had quoted, and keeps the evidence. */
export interface FadeDesk {
  /** Judges what is due; returns how many. */
  judgeDue(): Promise<number>;
  start(): void;
  stop(): Promise<void>;
}

const BATCH = 100;
/** Frames of one venue that are looked at for one leg, at most. */
const MAX_LOOKED_AT = 4_096;
/** Of them, those that name the instrument and are kept. */
const MAX_BETWEEN = 1_000;

/** Creates the desk; it works beside the orders, which never wait for it. */
export function createFadeDesk(options: FadeDeskOptions, needs: FadeDeskNeeds): FadeDesk {
  return new Desk(options, needs);
}

type Suspect = typeof fades.$inferSelect;

interface Piece<T> {
  readonly evidence: Evidence;
  readonly opened: T;
}

/** What there is to show of a suspect. */
interface Found {
  readonly quote: Piece<OpenedFrame>;
  readonly order: Piece<OpenedMessage>;
  readonly answers: readonly Piece<OpenedMessage>[];
  readonly between: readonly Piece<OpenedFrame>[];
}

class Desk implements FadeDesk {
  readonly #allowanceMs: number;
  readonly #tickMs: number;
  readonly #needs: FadeDeskNeeds;
  readonly #extract: ReturnType<typeof createExtractCache>;
  readonly #shelf = new EvidenceShelf();
  readonly #judged: Counter<'venue' | 'verdict' | 'code'>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor({ allowanceMs = 2_000, tickMs = 1_000 }: FadeDeskOptions, needs: FadeDeskNeeds) {
    this.#allowanceMs = allowanceMs;
    this.#tickMs = tickMs;
    this.#needs = needs;
    this.#extract = createExtractCache(needs);
    this.#judged = new Counter({
      name: 'stoa_quote_fades_total',
      help: 'Legs that a venue did not fill as it had quoted, by what was found.',
      labelNames: ['venue', 'verdict', 'code'],
      registers: [needs.metrics],
    });
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running ??= this.#tick();
    }, this.#tickMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #tick(): Promise<void> {
    try {
      await this.judgeDue();
    } catch (error) {
      this.#needs.logger.warn({ err: error }, 'fades could not be judged');
    } finally {
      this.#running = undefined;
    }
  }

  async judgeDue(): Promise<number> {
    const { database, nowMs } = this.#needs;
    const due = await database
      .select()
      .from(fades)
      .where(and(isNull(fades.verdict), lte(fades.dueAtMs, nowMs())))
      .orderBy(asc(fades.dueAtMs))
      .limit(BATCH);
    for (const suspect of due) await this.#judge(suspect);
    return due.length;
  }

  async #judge(suspect: Suspect): Promise<void> {
    const found = await this.#find(suspect);
    if (!found) {
      const message = 'The leg was not sent, or what it was sent for is not recorded.';
      return this.#settle(suspect, { verdict: 'excused', code: 'NO_EVIDENCE', message });
    }
    const finding = judgeFade({
      ...suspect,
      allowanceMs: this.#allowanceMs,
      sentAtMs: found.order.opened.message.sentAtMs,
      quote: found.quote.opened.frame,
      answers: found.answers.map(({ opened }) => opened.message),
      between: found.between.map(({ opened }) => opened.frame),
    });
    return this.#settle(suspect, finding, found);
  }

  async #settle(
    suspect: Suspect,
    finding: Omit<FadeFinding, 'code'> & { readonly code: string },
    found?: Found,
  ): Promise<void> {
    const { database, directory, nodeKey, nowMs, logger } = this.#needs;
    const { legId, venue } = suspect;
    const atMs = nowMs();
    const extract = found && this.#extract(directory.current(), suspect.instrument);
    const body =
      found && extract && canonicalJson(this.#body(suspect, finding, { found, extract, atMs }));
    await database.transaction(async (tx) => {
      if (found && extract) {
        const { quote, order, answers, between } = found;
        const pieces = [quote, order, ...answers, ...between].map(({ evidence }) => evidence);
        const { hash, bytes } = extract;
        this.#shelf.keep(tx, [...pieces, { hash, kind: 'directory', bytes }]);
      }
      const { verdict, code, message } = finding;
      const signature = body ? nodeKey.sign('receipt', Buffer.from(body)) : null;
      await tx
        .update(fades)
        .set({ verdict, code, message, dueAtMs: atMs, body: body ?? null, signature })
        .where(eq(fades.legId, legId));
    });
    const { verdict, code } = finding;
    this.#judged.inc({ venue, verdict, code });
    if (verdict !== 'excused') logger.warn({ legId, venue, verdict, code }, 'a firm quote faded');
  }

  #body(
    suspect: Suspect,
    { verdict, code, message }: Omit<FadeFinding, 'code'> & { readonly code: string },
    at: { readonly found: Found; readonly extract: { hash: string }; readonly atMs: number },
  ): FadeBody {
    const { legId, orderId, venue, instrument, side, quantity, limitPrice } = suspect;
    const hashOf = ({ evidence }: Piece<unknown>) => evidence.hash;
    return {
      ...{ kind: 'fade', home: this.#needs.home, orderId, legId, venue, instrument },
      ...{ side, quantity, limitPrice, atMs: at.atMs, allowanceMs: this.#allowanceMs },
      directory: at.extract.hash,
      quote: hashOf(at.found.quote),
      order: hashOf(at.found.order),
      answers: at.found.answers.map(hashOf),
      between: at.found.between.map(hashOf),
      ...{ verdict, code, message },
    };
  }

  async #find(suspect: Suspect): Promise<Found | undefined> {
    const { database } = this.#needs;
    const { orderId, legId, venue } = suspect;
    const rows = await database
      .select({ body: receipts.body })
      .from(receipts)
      .where(eq(receipts.orderId, orderId))
      .orderBy(asc(receipts.revision));
    const bodies = rows.map(({ body }) => JSON.parse(body) as RevisionBody);
    const decision = bodies.find(
      (body): body is DecisionBody =>
        body.kind === 'decision' && body.legs.some(({ id }) => id === legId),
    );
    const quoteHash = decision?.venues.find((each) => each.venue === venue)?.book;
    const order = pieceOf(await this.#sent(suspect), openMessage);
    if (!quoteHash || !order) return undefined;
    const answered = bodies.flatMap((body) =>
      body.kind === 'outcome'
        ? body.reports.flatMap((report) =>
            report.legId === legId ? { ...report, atMs: body.atMs } : [],
          )
        : [],
    );
    const hashes = answered.flatMap(({ message }) => message ?? []);
    const kept = await readEvidence(database, [quoteHash, ...hashes]);
    const quote = pieceOf(kept.get(quoteHash), openFrame);
    if (!quote) return undefined;
    const answers = answered.flatMap(({ message, own, atMs }) => {
      const said = own ? ownWord(own, atMs, this.#needs) : kept.get(message ?? '');
      return pieceOf(said, openMessage) ?? [];
    });
    const untilMs = order.opened.message.sentAtMs + 2 * this.#allowanceMs;
    return { quote, order, answers, between: await this.#between(suspect, quote, untilMs) };
  }

  /** The leg as it was sent: to another venue signed at once, to this one as it is recorded. */
  async #sent({ legId, venue }: Suspect): Promise<Evidence | undefined> {
    const { database, home } = this.#needs;
    if (venue !== home) {
      const [sent] = await database.select().from(sentLegs).where(eq(sentLegs.legId, legId));
      return sent && { hash: sha256Hex(sent.message), kind: 'message', bytes: sent.message };
    }
    const [row] = await database
      .select({ leg: legs, order: orders })
      .from(legs)
      .innerJoin(orders, eq(orders.id, legs.orderId))
      .where(eq(legs.id, legId));
    if (!row) return undefined;
    const { timeInForce, quantity, limitPrice, sentAtMs } = row.leg;
    const { instrument, side, member, account } = row.order;
    const leg = { legId, instrument, side, timeInForce, quantity, limitPrice, member, account };
    return ownWord({ kind: 'leg-new', leg }, sentAtMs, this.#needs);
  }

  /** The venue's later frames that name the instrument, and the first of a later start of its node. */
  async #between(
    { venue, instrument }: Suspect,
    { opened: { frame: quote } }: Piece<OpenedFrame>,
    untilMs: number,
  ): Promise<Piece<OpenedFrame>[]> {
    const { feeds, frames } = this.#needs.market;
    const between: Piece<OpenedFrame>[] = [];
    const to = quote.sequence + MAX_LOOKED_AT;
    // An answer holds so many frames; the next one goes on after it.
    for (let from = quote.sequence + 1, next = 0; from <= to && next !== from; from = next) {
      next = from;
      for await (const bytes of frames({ venue, epoch: quote.epoch, from, to })) {
        const piece = pieceOf({ hash: sha256Hex(bytes), kind: 'frame', bytes }, openFrame);
        if (!piece || piece.opened.frame.sentAtMs > untilMs) return between;
        const { entries, sequence } = piece.opened.frame;
        next = sequence + 1;
        const names = entries.some((entry) => entry.instrument === instrument);
        if (names && between.push(piece) >= MAX_BETWEEN) return between;
      }
    }
    const epoch = feeds().find((feed) => feed.venue === venue)?.epoch;
    if (epoch === undefined || epoch <= quote.epoch) return between;
    for await (const bytes of frames({ venue, epoch, from: 1, to: 1 })) {
      const first = pieceOf({ hash: sha256Hex(bytes), kind: 'frame', bytes }, openFrame);
      if (first) between.push(first);
    }
    return between;
  }
}

function pieceOf<T>(
  evidence: Evidence | undefined,
  open: (bytes: Uint8Array) => T | undefined,
): Piece<T> | undefined {
  const opened = evidence && open(evidence.bytes);
  return evidence && opened ? { evidence, opened } : undefined;
}
