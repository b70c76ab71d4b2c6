import { setTimeout as sleep } from 'node:timers/promises';
import { settlementAbi, slugToBytes32 } from '@stoa/contracts';
import { type DirectorySource, isRefusal, type VenueId } from '@stoa/schema';
import { and, asc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm';
import type { Address, Client } from 'viem';
import { multicall, readContract } from 'viem/actions';
import type { Database } from '../store/database.ts';
import { executionChanges } from '../store/tables/execution-changes.ts';
import { executions } from '../store/tables/executions.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import type { Logger } from '../telemetry/logger.ts';
import { lower, tradeTerms } from './batch-composition.ts';
import type { LegRow } from './batch-records.ts';
import { ChainPosition } from './chain-position.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import { type StandingTrade, standingTrades } from './trade-standing.ts';

/** What does not agree. */
export type DifferenceKind =
  /** The chain settled or reversed it, and the database does not say so; or the other way round. */
  | 'settled-unrecorded'
  | 'recorded-unsettled'
  | 'reversed-unrecorded'
  | 'recorded-unreversed'
  /** The venue's record has other terms, or no such trade. */
  | 'terms-differ'
  | 'execution-missing'
  /** The venue undid or corrected it, and it still stands on chain. */
  | 'reversal-due'
  /** A trade of this home that nobody instructed, or that cannot be instructed. */
  | 'instruction-missing'
  | 'unsettleable';

/** One thing that database, venue and chain do not say the same about. */
export interface SettlementDifference {
  readonly kind: DifferenceKind;
  readonly venue: VenueId;
  readonly tradeNumber: number;
  /** What settlement's own tables say, in words; and the other two. */
  readonly database: string;
  readonly record: string;
  readonly chain: string;
  /** Unix milliseconds: when it was found first. */
  readonly sinceMs: number;
}

/** What the last comparisons found. */
export interface ReconciliationReport {
  /** Unix milliseconds of the last comparison; undefined before the first. */
  readonly checkedAtMs: number | undefined;
  /** When every trade had been looked at once since the start; undefined until then. */
  readonly completeAtMs: number | undefined;
  readonly differences: readonly SettlementDifference[];
  /** There are more than are kept. */
  readonly cut: boolean;
}

export interface ReconciliationNeeds {
  readonly db: Database;
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly metrics: Pick<SettlementMetrics, 'differences'>;
  readonly nowMs: () => number;
}

const legsPerPage = 200;
const pagesPerRun = 25;
const mostDifferences = 1_000;
const stopTimeoutMs = 1_500;
/** An order's trades are instructed with it; what is younger may be under way. */
const settlingInMs = 60_000;

type Finding = Omit<SettlementDifference, 'sinceMs' | 'venue' | 'tradeNumber'>;
type TradeKey = { readonly venue: VenueId; readonly tradeNumber: number };

/**
 * Compares all trades that concern this node: as settlement's tables have them, as the venue recorded
 * them, and as the chain does. Some pages of trades at a time; after the last it begins anew.
 */
export class Reconciliation {
  readonly #options: { readonly venue: VenueId; readonly settlement: Address };
  readonly #needs: ReconciliationNeeds;
  readonly #found = new Map<string, SettlementDifference>();
  #after: TradeKey | undefined;
  #checkedAtMs: number | undefined;
  #completeAtMs: number | undefined;
  #cut = false;
  #last: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(
    options: { readonly venue: VenueId; readonly settlement: Address },
    needs: ReconciliationNeeds,
  ) {
    this.#options = options;
    this.#needs = needs;
  }

  report(): ReconciliationReport {
    const differences = [...this.#found.values()].toSorted((a, b) => a.sinceMs - b.sinceMs);
    const [checkedAtMs, completeAtMs] = [this.#checkedAtMs, this.#completeAtMs];
    return { checkedAtMs, completeAtMs, differences, cut: this.#cut };
  }

  /** One run: some pages more, after any that is under way. @throws viem errors when the RPC fails */
  run(): Promise<ReconciliationReport> {
    const run = this.#last.then(() => this.#run());
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** Ends what runs after the page in hand; resolves when it has, or soon. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const ended = this.#last.finally(() => {
      this.#stopping = false;
    });
    await Promise.race([ended, sleep(stopTimeoutMs, undefined, { ref: false })]);
  }

  async #run(): Promise<ReconciliationReport> {
    const { db, client, nowMs, metrics } = this.#needs;
    await this.#findUninstructed();
    for (let page = 0; page < pagesPerRun && !this.#stopping; page += 1) {
      // Before the rows: what the chain had by then they must know.
      const block = await new ChainPosition(lower(this.#options.settlement), { db, client }).read();
      if (block === undefined) break;
      const legs = await this.#readPage();
      await this.#compare(legs, block);
      const last = legs.at(-1);
      this.#after = last && { venue: last.executingVenue, tradeNumber: last.tradeNumber };
      if (legs.length === legsPerPage) continue;
      this.#after = undefined;
      this.#completeAtMs = nowMs();
      this.#cut = this.#found.size >= mostDifferences;
      break;
    }
    this.#checkedAtMs = nowMs();
    const kinds = Map.groupBy(this.#found.values(), ({ kind }) => kind);
    metrics.differences.reset();
    for (const [kind, found] of kinds) metrics.differences.set({ kind }, found.length);
    return this.report();
  }

  #readPage(): Promise<LegRow[]> {
    const { executingVenue, tradeNumber } = settlementLegs;
    const after = this.#after;
    return this.#needs.db
      .select()
      .from(settlementLegs)
      .where(
        after &&
          or(
            gt(executingVenue, after.venue),
            and(eq(executingVenue, after.venue), gt(tradeNumber, after.tradeNumber)),
          ),
      )
      .orderBy(asc(executingVenue), asc(tradeNumber))
      .limit(legsPerPage);
  }

  async #compare(legs: readonly LegRow[], block: bigint): Promise<void> {
    if (legs.length === 0) return;
    const standing = new Map<string, StandingTrade>();
    for (const [venue, own] of Map.groupBy(legs, (leg) => leg.executingVenue)) {
      const numbers = own.map(({ tradeNumber }) => tradeNumber);
      for (const [number, trade] of await standingTrades(this.#needs.db, venue, numbers)) {
        standing.set(`${venue} ${number}`, trade);
      }
    }
    const chain = await this.#onChain(legs, block);
    legs.forEach((leg, index) => {
      const onChain = chain[index];
      if (!onChain) return;
      const key = { venue: leg.executingVenue, tradeNumber: leg.tradeNumber };
      const trade = standing.get(`${key.venue} ${key.tradeNumber}`);
      const found = [
        ...chainFindings(leg, onChain, block),
        ...recordFindings(leg, trade, this.#termsOf(trade)),
      ];
      this.#note(key, found);
    });
  }

  async #onChain(legs: readonly LegRow[], blockNumber: bigint) {
    const contract = { address: this.#options.settlement, abi: settlementAbi } as const;
    const venues = legs.map((leg) => slugToBytes32(leg.executingVenue));
    const numbers = legs.map((leg) => BigInt(leg.tradeNumber));
    const settled = await readContract(this.#needs.client, {
      ...{ ...contract, functionName: 'areSettled', args: [venues, numbers], blockNumber },
    });
    // Few are: those that are said to be, or ought to be.
    const asked = legs.flatMap((leg, index) =>
      leg.state === 'reversed' || leg.reversal !== null ? [index] : [],
    );
    const answers = await multicall(this.#needs.client, {
      ...{ deployless: true, allowFailure: false, blockNumber },
      contracts: asked.map((index) => ({
        ...contract,
        functionName: 'isReversed' as const,
        args: [venues[index] ?? '0x', numbers[index] ?? 0n] as const,
      })),
    });
    const reversed = new Map(asked.map((index, at) => [index, answers[at] === true]));
    return legs.map((_, index) => ({
      settled: settled[index] === true,
      reversed: reversed.get(index) ?? false,
    }));
  }

  #termsOf(trade: StandingTrade | undefined) {
    if (trade === undefined || trade.quantity === 0) return undefined;
    const terms = tradeTerms(
      trade as Parameters<typeof tradeTerms>[0],
      this.#needs.directory.current(),
    );
    return isRefusal(terms) ? undefined : terms;
  }

  /** Trades that this home is to settle and that settlement's tables do not have. */
  async #findUninstructed(): Promise<void> {
    const { db, nowMs } = this.#needs;
    const busted = sql`exists (select 1 from ${executionChanges}
      where ${executionChanges.venue} = ${executions.venue}
        and ${executionChanges.executionId} = ${executions.executionId})`;
    const missing = await db
      .select({ venue: executions.venue, tradeNumber: executions.tradeNumber })
      .from(executions)
      .leftJoin(
        settlementLegs,
        and(
          eq(settlementLegs.executingVenue, executions.venue),
          eq(settlementLegs.tradeNumber, executions.tradeNumber),
        ),
      )
      .where(
        and(
          eq(executions.homeVenue, this.#options.venue),
          isNull(settlementLegs.tradeNumber),
          lt(executions.recordedAtMs, nowMs() - settlingInMs),
          sql`not ${busted}`,
        ),
      )
      .limit(mostDifferences);
    const known = [...this.#found.values()].filter(({ kind }) => kind === 'instruction-missing');
    const since = new Map(known.map((one) => [nameOf(one), one.sinceMs]));
    for (const one of known) this.#found.delete(`${nameOf(one)} ${one.kind}`);
    for (const key of missing) {
      const finding = { kind: 'instruction-missing', database: 'no instruction' } as const;
      const told = { ...finding, record: 'executed', chain: 'not asked' };
      this.#keep(key, told, since.get(nameOf(key)));
    }
  }

  #note(key: TradeKey, found: readonly Finding[]): void {
    const name = nameOf(key);
    const before = [...kindsOf(name, this.#found)];
    for (const [entry] of before) this.#found.delete(entry);
    const since = new Map(before.map(([, one]) => [one.kind, one.sinceMs]));
    for (const finding of found) this.#keep(key, finding, since.get(finding.kind));
  }

  #keep(key: TradeKey, finding: Finding, sinceMs: number | undefined): void {
    if (this.#found.size >= mostDifferences) {
      this.#cut = true;
      return;
    }
    const difference = { ...key, ...finding, sinceMs: sinceMs ?? this.#needs.nowMs() };
    this.#found.set(`${nameOf(key)} ${finding.kind}`, difference);
    if (sinceMs === undefined)
      this.#needs.logger.error(difference, 'settlement does not reconcile');
  }
}

const allKinds: readonly DifferenceKind[] = [
  ...(['settled-unrecorded', 'recorded-unsettled', 'reversed-unrecorded'] as const),
  ...(['recorded-unreversed', 'terms-differ', 'execution-missing'] as const),
  ...(['reversal-due', 'instruction-missing', 'unsettleable'] as const),
];

function nameOf({ venue, tradeNumber }: TradeKey): string {
  return `${venue} ${tradeNumber}`;
}

function kindsOf(name: string, found: ReadonlyMap<string, SettlementDifference>) {
  return allKinds.flatMap((kind) => {
    const one = found.get(`${name} ${kind}`);
    return one ? [[`${name} ${kind}`, one] as const] : [];
  });
}

function chainFindings(
  leg: LegRow,
  onChain: { readonly settled: boolean; readonly reversed: boolean },
  block: bigint,
): Finding[] {
  const isSettled = leg.state === 'settled' || leg.state === 'reversed';
  const said = {
    database: leg.state,
    record: 'not in question',
    chain: onChain.reversed ? 'reversed' : onChain.settled ? 'settled' : 'not settled',
  };
  const isLater = (number: number | null) => BigInt(number ?? 0) > block;
  if (onChain.settled && !isSettled) return [{ kind: 'settled-unrecorded', ...said }];
  if (!onChain.settled && isSettled && !isLater(leg.blockNumber)) {
    return [{ kind: 'recorded-unsettled', ...said }];
  }
  if (onChain.reversed && leg.state !== 'reversed')
    return [{ kind: 'reversed-unrecorded', ...said }];
  if (!onChain.reversed && leg.state === 'reversed' && !isLater(leg.reversalBlockNumber)) {
    return [{ kind: 'recorded-unreversed', ...said }];
  }
  return [];
}

function recordFindings(
  leg: LegRow,
  trade: StandingTrade | undefined,
  terms: { readonly tokenQuantity: bigint; readonly cashAmount: bigint } | undefined,
): Finding[] {
  const chain = leg.state === 'settled' ? 'settled' : 'not in question';
  if (leg.state === 'failed' && leg.batchId === null) {
    const why = leg.reason ?? leg.code ?? 'no reason';
    return [{ kind: 'unsettleable', database: why, record: 'executed', chain }];
  }
  if (trade === undefined) {
    return [{ kind: 'execution-missing', database: leg.state, record: 'no such trade', chain }];
  }
  if (leg.state === 'reversed') return [];
  const record = trade.quantity === 0 ? 'undone' : `${trade.quantity} at ${trade.price}`;
  if (leg.state === 'settled' && leg.reversal !== null) {
    return [{ kind: 'reversal-due', database: leg.reversal, record, chain }];
  }
  // Terms are the directory's too: without it nothing can be said about them.
  if (leg.reversal !== null || terms === undefined) return [];
  const isSame =
    leg.price === trade.price &&
    leg.quantity === trade.quantity &&
    leg.seller === lower(trade.seller as Address) &&
    leg.buyer === lower(trade.buyer as Address) &&
    leg.homeVenue === trade.homeVenue &&
    leg.tokenQuantity === terms.tokenQuantity &&
    leg.cashAmount === terms.cashAmount;
  if (isSame) return [];
  const database = `${leg.quantity} at ${leg.price}`;
  return [{ kind: 'terms-differ', database, record, chain }];
}
