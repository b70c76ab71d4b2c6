import { isWithin, type MemberId, type Refusal, refuse } from '@stoa/schema';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { recoverAddress } from 'viem';
import type { Transaction } from '../store/database.ts';
import { insertRows } from '../store/insert-rows.ts';
import { storableText } from '../store/storable-text.ts';
import { type StoredGroup, settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { issue } from '../store/transactions.ts';
import { legFromMessage, legToMessage, lower } from './batch-composition.ts';
import {
  type BatchHead,
  type BatchRecords,
  type BatchRow,
  batchHead,
  lockBatch,
  lockLegs,
} from './batch-records.ts';
import type { GivenMandates } from './mandates/given-mandates.ts';
import { keepHeldMandates } from './mandates/held-mandates.ts';
import { type MandateWord, wordOfMandates } from './mandates/mandate-exchange.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { checkReversalRequest, checkSettlementRequest } from './settlement-request-check.ts';
import { signBatch } from './settlement-signer.ts';
import { standingTrades } from './trade-standing.ts';

type Of<Kind extends SettlementMessage['kind']> = Extract<SettlementMessage, { kind: Kind }>;

const defaultMaxSettleWithinS = 86_400;

/** What affirming is given. */
export type AffirmationNeeds = Pick<
  SettlementNeeds,
  'signer' | 'directory' | 'send' | 'logger' | 'nowMs'
> & {
  readonly records: BatchRecords;
  readonly metrics: Pick<SettlementMetrics, 'transitions'>;
  readonly given: GivenMandates;
};

/** The conversation in which two venues come to sign the same batch. */
export class Affirmations {
  readonly #options: SettlementOptions;
  readonly #needs: AffirmationNeeds;

  constructor(options: SettlementOptions, needs: AffirmationNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  onMessage(tx: Transaction, from: MemberId, body: SettlementMessage): Promise<void> {
    switch (body.kind) {
      case 'settlement-request':
        return this.#onRequest(tx, from, body);
      case 'settlement-affirmed':
        return this.#onAffirmed(tx, from, body);
      case 'settlement-refused':
        return this.#onRefused(tx, from, body);
      case 'settlement-mandates':
        return this.#needs.given.onMandates(tx, from, body);
      case 'settlement-mandates-held':
        return keepHeldMandates(tx, from, body, this.#needs);
    }
  }

  get #domain() {
    const { chainId, settlement } = this.#options;
    return { chainId, settlement };
  }

  /** Executing venue: sign what our own record confirms. */
  async #onRequest(tx: Transaction, from: MemberId, request: Of<'settlement-request'>) {
    const batchId = lower(request.batchId);
    // Asked for together: they go out in one trip, and the batch is locked first all the same.
    const [known, legsKnown, standing, { missing, ended }] = await Promise.all([
      lockBatch(tx, batchId),
      lockLegs(tx, this.#options.venue, numbersOf(request)),
      standingTrades(tx, this.#options.venue, numbersOf(request)),
      wordOfMandates(tx, { venue: this.#options.venue, from }, request),
    ]);
    // Asked again, as after a crash: the same answer. A request that differs falls to the checks.
    if (known?.role === 'executing' && isSameRequest(known, from, request)) {
      const given = known.signatures[0];
      if (given) return this.#affirm(tx, from, batchId, given);
    }
    const refusal =
      malformed(request) ??
      (known === undefined
        ? this.#judge(from, request, { settlements: legsKnown, standing })
        : refuse(
            'BATCH_ID_TAKEN',
            `${this.#options.venue} knows another batch of this id.`,
            'Compose it anew.',
          ));
    if (refusal) return this.#refuse(tx, from, batchId, refusal);
    if (missing.length + ended.length > 0) {
      return this.#giveMandates(tx, from, request, { missing, ended });
    }
    const legs = request.legs.map(legFromMessage);
    const groupsHash = lower(request.groupsHash);
    const purpose = request.purpose ?? 'settle';
    const batch = { domain: this.#domain, batchId, venue: this.#options.venue, legs, groupsHash };
    const signature = await signBatch(this.#needs.signer, { ...batch, purpose });
    const row = {
      id: batchId,
      purpose,
      role: 'executing' as const,
      homeVenue: from,
      legs: legs.map(legToMessage),
      groups: groupsAsked(request),
      groupsHash,
      deadline: Math.max(...legs.map((leg) => leg.deadline)),
      signatures: [signature],
      // Nothing is left for it to do before the chain has spoken.
      state: 'affirmed' as const,
      earlierHashes: [],
      createdAtMs: this.#needs.nowMs(),
    };
    issue(tx, tx.insert(settlementBatches).values(row));
    if (purpose !== 'reverse') this.#takeLegs(tx, batchId, { request, standing });
    else await this.#markReversed(tx, batchId, request);
    this.#needs.metrics.transitions.inc({ role: 'executing', state: 'affirmed' });
    await this.#affirm(tx, from, batchId, signature);
    this.#needs.logger.info({ batchId, from, legs: legs.length }, 'settlement affirmed');
  }

  async #refuse(tx: Transaction, to: MemberId, batchId: `0x${string}`, refusal: Refusal) {
    const { code, message } = refusal;
    this.#needs.logger.warn({ batchId, to, code }, 'settlement request refused');
    await this.#needs.send(tx, to, {
      ...{ kind: 'settlement-refused', batchId, code },
      message: message.slice(0, 512),
    });
  }

  /** What this venue's investors signed is told once; a home that goes on without it hears a no. */
  async #giveMandates(
    tx: Transaction,
    to: MemberId,
    request: Of<'settlement-request'>,
    { missing, ended }: MandateWord,
  ) {
    const batchId = lower(request.batchId);
    if (request.replaces !== undefined) {
      const message =
        'The batch does not settle under the mandates that this venue’s investors signed.';
      const refusal = refuse('MANDATES_DIFFER', message, 'Compose it anew.');
      return this.#refuse(tx, to, batchId, refusal);
    }
    const mandates = missing.map(({ signed }) => signed);
    await this.#needs.send(tx, to, {
      ...{ kind: 'settlement-mandates', batchId, mandates },
      ...(ended.length > 0 && { ended: [...ended] }),
    });
    this.#needs.logger.info({ batchId, to, mandates: mandates.length }, 'mandates given');
  }

  async #affirm(
    tx: Transaction,
    to: MemberId,
    batchId: `0x${string}`,
    given: { readonly signer: `0x${string}`; readonly signature: `0x${string}` },
  ) {
    const { signer, signature } = given;
    await this.#needs.send(tx, to, { kind: 'settlement-affirmed', batchId, signer, signature });
  }

  #judge(
    from: MemberId,
    request: Of<'settlement-request'>,
    { settlements, standing }: RecordedTrades,
  ): Refusal | undefined {
    const batch = {
      batchId: lower(request.batchId),
      legs: request.legs.map(legFromMessage),
      ...(request.replaces && { replaces: lower(request.replaces) }),
    };
    const facts = {
      ...{ venue: this.#options.venue, from, directory: this.#needs.directory.current() },
      nowS: Math.floor(this.#needs.nowMs() / 1_000),
      maxSettleWithinS: this.#options.maxSettleWithinS ?? defaultMaxSettleWithinS,
      settlements,
    };
    if (request.purpose === 'reverse') {
      const changed = [...standing].flatMap(([number, trade]) => (trade.isChanged ? [number] : []));
      return checkReversalRequest(batch, { ...facts, changed: new Set(changed) });
    }
    // One that was busted is none, a corrected one has its new terms.
    const trades = new Map([...standing].filter(([, { quantity }]) => quantity > 0));
    return checkSettlementRequest(batch, { ...facts, trades });
  }

  async #markReversed(tx: Transaction, batchId: `0x${string}`, request: Of<'settlement-request'>) {
    await tx
      .update(settlementLegs)
      .set({ reversalBatchId: batchId })
      .where(
        and(
          eq(settlementLegs.executingVenue, this.#options.venue),
          inArray(settlementLegs.tradeNumber, numbersOf(request)),
        ),
      );
  }

  /** Puts the batch's trades on this node's books, whether or not an order of ours is part of them. */
  #takeLegs(
    tx: Transaction,
    batchId: `0x${string}`,
    {
      request,
      standing,
    }: { readonly request: Of<'settlement-request'> } & Pick<RecordedTrades, 'standing'>,
  ) {
    const rows = request.legs.flatMap((message) => {
      const leg = legFromMessage(message);
      const trade = standing.get(message.tradeNumber);
      if (!trade) return [];
      return {
        ...{ batchId, state: 'instructed' as const, code: null, reason: null },
        executingVenue: leg.executingVenue,
        tradeNumber: message.tradeNumber,
        executionId: trade.executionId,
        homeVenue: leg.homeVenue,
        instrument: trade.instrument,
        price: trade.price,
        quantity: trade.quantity,
        token: leg.token,
        cashToken: leg.cashToken,
        seller: leg.seller,
        buyer: leg.buyer,
        tokenQuantity: leg.quantity,
        cashAmount: leg.amount,
        recordedAtMs: this.#needs.nowMs(),
      };
    });
    if (rows.length === 0) return;
    issue(
      tx,
      sql`${insertRows(settlementLegs, rows)}
      on conflict (executing_venue, trade_number) do update
      set batch_id = excluded.batch_id, state = excluded.state, code = null, reason = null`,
    );
  }

  /** Home venue: one more signature; with the last one the batch can go out. */
  async #onAffirmed(tx: Transaction, from: MemberId, answer: Of<'settlement-affirmed'>) {
    const batch = await this.#homeBatch(tx, from, answer.batchId);
    if (!batch || batch.signatures.some(({ venue }) => venue === from)) return;
    if (!(await this.#isValidAffirmation(batch, from, answer))) {
      this.#needs.logger.error({ batchId: batch.id, from }, 'settlement signature is not valid');
      this.#needs.records.applyTo(tx, batch, {
        kind: 'failed',
        code: 'AFFIRMATION_INVALID',
        reason: `The signature of ${from} is not one of its current signers’ over this batch.`,
      });
      return;
    }
    const { signer, signature } = answer;
    const signatures = [...batch.signatures, { venue: from, signer: lower(signer), signature }];
    issue(
      tx,
      tx.update(settlementBatches).set({ signatures }).where(eq(settlementBatches.id, batch.id)),
    );
    const signed = new Set(signatures.map(({ venue }) => venue));
    if (Object.keys(batch.digests).every((venue) => signed.has(venue))) {
      this.#needs.records.applyTo(tx, batch, { kind: 'affirmed' });
    }
  }

  /** Only accounts with a key: a contract's signature (ERC-1271) would have to be asked on chain. */
  async #isValidAffirmation(batch: AskedBatch, from: MemberId, answer: Of<'settlement-affirmed'>) {
    const nowS = Math.floor(this.#needs.nowMs() / 1_000);
    const signers = this.#needs.directory.current().members.get(from)?.signers ?? [];
    const isCurrent = signers.some(
      (entry) => lower(entry.address) === lower(answer.signer) && isWithin(entry, nowS),
    );
    const hash = batch.digests[from];
    if (!isCurrent || hash === undefined) return false;
    try {
      const { signature } = answer;
      return lower(await recoverAddress({ hash, signature })) === lower(answer.signer);
    } catch {
      // Bytes that are no signature at all.
      return false;
    }
  }

  async #onRefused(tx: Transaction, from: MemberId, answer: Of<'settlement-refused'>) {
    const batch = await this.#homeBatch(tx, from, answer.batchId);
    if (!batch) return;
    this.#needs.logger.warn(
      { batchId: batch.id, from, code: answer.code },
      'settlement refused by venue',
    );
    this.#needs.records.applyTo(tx, batch, {
      kind: 'failed',
      code: storableText(answer.code) || 'REFUSED',
      reason: `${from} did not sign: ${storableText(answer.message)}`,
    });
  }

  /** The batch an answer is about, where it still waits for this venue's answer. */
  async #homeBatch(
    tx: Transaction,
    from: MemberId,
    batchId: `0x${string}`,
  ): Promise<AskedBatch | undefined> {
    const [batch] = await tx
      .select({ ...batchHead, signatures: settlementBatches.signatures })
      .from(settlementBatches)
      .where(eq(settlementBatches.id, lower(batchId)))
      .for('update');
    const { digests } = batch ?? {};
    if (batch?.role !== 'home' || digests?.[from] === undefined) {
      this.#needs.logger.warn({ batchId, from }, 'settlement answer to no question of ours');
      return undefined;
    }
    return batch.state === 'instructed' ? { ...batch, digests } : undefined;
  }
}

/** What this venue has on record of the trades of a request, by number. */
interface RecordedTrades {
  readonly settlements: Awaited<ReturnType<typeof lockLegs>>;
  readonly standing: Awaited<ReturnType<typeof standingTrades>>;
}

type AskedBatch = BatchHead &
  Pick<BatchRow, 'signatures'> & {
    readonly digests: NonNullable<BatchRow['digests']>;
  };

function numbersOf({ legs }: Of<'settlement-request'>): number[] {
  return legs.map(({ tradeNumber }) => tradeNumber);
}

/** Runs of legs of one group; the groups in between are other venues' alone. */
function groupsAsked({ legs, groups }: Of<'settlement-request'>): StoredGroup[] {
  const indexes = groups ?? legs.map(() => 0);
  return [...Map.groupBy(indexes, (index) => index)].map(([index, own]) => ({
    ...{ index, legs: own.length },
  }));
}

/** Words of another length would be a fault of ours when signing; here they are the asker's. */
function malformed(request: Of<'settlement-request'>): Refusal | undefined {
  const words = [request.batchId, request.groupsHash, request.replaces ?? request.batchId];
  if (!words.every((word) => /^0x[0-9a-f]{64}$/i.test(word))) {
    const message = 'Batch ids and the hash of the groups are 32 bytes each.';
    return refuse('BATCH_MALFORMED', message, 'Send 0x and 64 hexadecimal digits.');
  }
  const { legs, groups } = request;
  const isOrdered = groups?.every((index, at) => at === 0 || index >= (groups[at - 1] ?? 0));
  if (groups === undefined || (isOrdered && groups.length === legs.length)) return undefined;
  const message = 'Each leg is in one group, and the groups follow each other.';
  return refuse('BATCH_MALFORMED', message, 'Name a group for each leg, in the batch’s order.');
}

function isSameRequest(
  known: BatchRow,
  from: MemberId,
  request: Of<'settlement-request'>,
): boolean {
  const legs = request.legs.map((leg) => legToMessage(legFromMessage(leg)));
  return (
    known.homeVenue === from &&
    known.groupsHash === lower(request.groupsHash) &&
    known.purpose === (request.purpose ?? 'settle') &&
    // Keys in one order: jsonb keeps its own.
    JSON.stringify(legs.map(sorted)) === JSON.stringify(known.legs.map(sorted))
  );
}

function sorted(leg: object): unknown[] {
  return Object.entries(leg).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
