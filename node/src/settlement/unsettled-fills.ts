import { settlementAbi, slugToBytes32 } from '@stoa/contracts';
import {
  type DirectorySource,
  type Execution,
  isRefusal,
  type Side,
  type VenueId,
} from '@stoa/schema';
import { and, eq, gt, inArray, isNotNull, notExists, or, sql } from 'drizzle-orm';
import type { Address, Client } from 'viem';
import { readContract } from 'viem/actions';
import type { Database } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { type Transaction, whenEnded } from '../store/transactions.ts';
import { lower, type TradeFacts, tradeTerms } from './batch-composition.ts';
import { standingTrades } from './trade-standing.ts';

/** What a wallet gave away in trades that have not settled. In the token's smallest unit. */
export interface UnsettledClaims {
  /** As far as this node knows; it hears of a settlement when that is final. */
  owed(account: Address, token: Address): bigint;
  /**
   * The same as of the chain's newest block: what is mined has left the balance already, and is not
   * to be counted a second time.
   *
   * @throws viem errors when the RPC fails
   */
  owedNow(account: Address, token: Address): Promise<bigint>;
}

/** The same, with what it is to be given for that. */
export interface UnsettledTrades extends UnsettledClaims {
  /** As far as this node knows. */
  due(account: Address, token: Address): bigint;
  /**
   * How much of a token the account bought, or sold, in trades that have not settled: what it is to
   * get of it, or gave away of it.
   */
  traded(account: Address, token: Address, side: Side): bigint;
  /**
   * The same as of the chain's newest block.
   *
   * @throws viem errors when the RPC fails
   */
  tradedNow(account: Address, token: Address, side: Side): Promise<bigint>;
}

interface Debt {
  readonly venue: VenueId;
  readonly tradeNumber: number;
  readonly key: string;
  readonly amount: bigint;
  /** What the wallet is given for it. */
  readonly return: { readonly key: string; readonly amount: bigint };
}

export interface UnsettledFillsNeeds {
  readonly db: Database;
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly nowMs: () => number;
}

/** What has not settled for so long is nobody's open trade any more, but somebody's dispute. */
const rememberedMs = 7 * 86_400_000;
const mostLoaded = 20_000;
const askedAtOnce = 200;

/**
 * Fills of this node's orders whose tokens or cash are still in the wallet, and spoken for: an order
 * that counted on them could not settle. Whoever settles a trade, its fill is counted here, from its
 * commit until the chain settled it. It is only what this process knows, and filled from the store.
 */
export class UnsettledFills implements UnsettledTrades {
  readonly #settlement: Address;
  readonly #needs: UnsettledFillsNeeds;
  /** By trade: a debt of the buyer, of the seller, or of both. */
  readonly #debts = new Map<string, Debt[]>();
  readonly #byWallet = new Map<string, Set<Debt>>();
  /** By what the wallet is given for them. */
  readonly #byReturn = new Map<string, Set<Debt>>();

  constructor({ settlement }: { readonly settlement: Address }, needs: UnsettledFillsNeeds) {
    this.#settlement = settlement;
    this.#needs = needs;
  }

  owed(account: Address, token: Address): bigint {
    return sumOf(this.#byWallet.get(keyOf(account, token)) ?? []);
  }

  due(account: Address, token: Address): bigint {
    return sumOfReturns(this.#byReturn.get(keyOf(account, token)) ?? []);
  }

  async owedNow(account: Address, token: Address): Promise<bigint> {
    return sumOf(await this.#openNow(this.#byWallet.get(keyOf(account, token))));
  }

  traded(account: Address, token: Address, side: Side): bigint {
    return side === 'sell' ? this.owed(account, token) : this.due(account, token);
  }

  async tradedNow(account: Address, token: Address, side: Side): Promise<bigint> {
    if (side === 'sell') return this.owedNow(account, token);
    return sumOfReturns(await this.#openNow(this.#byReturn.get(keyOf(account, token))));
  }

  /** Those that the chain's newest block has not settled. */
  async #openNow(known: Iterable<Debt> = []): Promise<Debt[]> {
    const debts = [...known];
    const settled = await this.#settledOf(debts);
    return debts.filter((_, index) => settled[index] !== true);
  }

  /**
   * A fill of one of this node's orders, or what its venue made of it: with no quantity it is undone.
   * Counted once its transaction has ended, unless that was rolled back.
   */
  filled(tx: Transaction, trade: TradeFacts, side: Side): void {
    whenEnded(tx, (end) => {
      if (end !== 'rolled-back') this.#note(trade, side);
    });
  }

  /** The chain settled the trade, whoever sent it. */
  settled({ executingVenue, tradeNumber }: { executingVenue: VenueId; tradeNumber: bigint }): void {
    const name = nameOf(executingVenue, Number(tradeNumber));
    for (const debt of this.#debts.get(name) ?? []) this.#forget(debt);
    this.#debts.delete(name);
  }

  /**
   * What the store holds of the last days, without what the chain has settled: to be called before
   * orders are taken.
   */
  async load(): Promise<void> {
    const { db, nowMs } = this.#needs;
    const done = db
      .select({ one: sql`1` })
      .from(settlementLegs)
      .where(
        and(
          eq(settlementLegs.executingVenue, executions.venue),
          eq(settlementLegs.tradeNumber, executions.tradeNumber),
          inArray(settlementLegs.state, ['settled', 'reversed']),
        ),
      );
    const rows = await db
      .select()
      .from(executions)
      .where(
        and(
          or(isNotNull(executions.buyLegId), isNotNull(executions.sellLegId)),
          gt(executions.recordedAtMs, nowMs() - rememberedMs),
          notExists(done),
        ),
      )
      .limit(mostLoaded);
    for (const [venue, own] of Map.groupBy(rows, (row) => row.venue)) {
      const numbers = own.map(({ tradeNumber }) => tradeNumber);
      for (const trade of (await standingTrades(db, venue, numbers)).values()) {
        const facts = trade as typeof trade & Execution;
        if (trade.buyLegId !== null) this.#note(facts, 'buy');
        if (trade.sellLegId !== null) this.#note(facts, 'sell');
      }
    }
    const debts = [...this.#debts.values()].flat();
    for (let first = 0; first < debts.length; first += askedAtOnce) {
      const some = debts.slice(first, first + askedAtOnce);
      const settled = await this.#settledOf(some);
      some.forEach(({ venue, tradeNumber }, index) => {
        const executingVenue = venue;
        if (settled[index]) this.settled({ executingVenue, tradeNumber: BigInt(tradeNumber) });
      });
    }
  }

  #note(trade: TradeFacts, side: Side): void {
    const { venue, tradeNumber } = trade;
    const name = nameOf(venue, tradeNumber);
    const account = side === 'buy' ? trade.buyer : trade.seller;
    const instrument = this.#needs.directory.current().instruments.get(trade.instrument);
    if (!instrument) return;
    const { token, cashToken } = instrument;
    const [given, taken] = side === 'buy' ? [cashToken, token] : [token, cashToken];
    const key = keyOf(account, given);
    const before = this.#debts.get(name) ?? [];
    const others = before.filter((debt) => debt.key !== key);
    for (const debt of before) if (debt.key === key) this.#forget(debt);
    const terms =
      trade.quantity > 0 ? tradeTerms(trade, this.#needs.directory.current()) : undefined;
    if (terms === undefined || isRefusal(terms)) {
      this.#debts.set(name, others);
      return;
    }
    const { cashAmount, tokenQuantity } = terms;
    const [amount, back] =
      side === 'buy' ? [cashAmount, tokenQuantity] : [tokenQuantity, cashAmount];
    const returned = { key: keyOf(account, taken), amount: back };
    const debt = { venue, tradeNumber, key, amount, return: returned };
    this.#debts.set(name, [...others, debt]);
    keep(this.#byWallet, key, debt);
    keep(this.#byReturn, returned.key, debt);
  }

  #forget(debt: Debt): void {
    drop(this.#byWallet, debt.key, debt);
    drop(this.#byReturn, debt.return.key, debt);
  }

  #settledOf(debts: readonly Debt[]): Promise<readonly boolean[]> {
    if (debts.length === 0) return Promise.resolve([]);
    return readContract(this.#needs.client, {
      ...{ address: this.#settlement, abi: settlementAbi, functionName: 'areSettled' },
      args: [
        debts.map(({ venue }) => slugToBytes32(venue)),
        debts.map(({ tradeNumber }) => BigInt(tradeNumber)),
      ],
    });
  }
}

function keep(index: Map<string, Set<Debt>>, key: string, debt: Debt): void {
  index.set(key, (index.get(key) ?? new Set()).add(debt));
}

function drop(index: Map<string, Set<Debt>>, key: string, debt: Debt): void {
  const own = index.get(key);
  own?.delete(debt);
  if (own?.size === 0) index.delete(key);
}

function sumOf(debts: Iterable<Debt>): bigint {
  let sum = 0n;
  for (const { amount } of debts) sum += amount;
  return sum;
}

function sumOfReturns(debts: Iterable<Debt>): bigint {
  let sum = 0n;
  for (const debt of debts) sum += debt.return.amount;
  return sum;
}

function nameOf(venue: VenueId, tradeNumber: number): string {
  return `${venue} ${tradeNumber}`;
}

function keyOf(account: Address, token: Address): string {
  return `${lower(account)} ${lower(token)}`;
}
