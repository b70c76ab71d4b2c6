import {
  type Instrument,
  invariant,
  type MemberId,
  type Price,
  type Quantity,
  type Side,
} from '@stoa/schema';
import { atLeastUnits, notionalUnits, quantityUnits } from './cash-notional.ts';

/** What is open of one order, and what it may cost at most. */
export interface OpenClaim {
  readonly member: MemberId;
  /** In lower case. */
  readonly account: `0x${string}`;
  readonly instrument: Instrument;
  readonly side: Side;
  /** What may still be executed. */
  readonly leaves: Quantity;
  /** The limit, or of a market order the worst price of its route; undefined where it found nothing. */
  readonly price: Price | undefined;
}

/** What a member, or a wallet, has open. */
interface Totals {
  readonly claims: number;
  readonly orders: number;
  readonly amount: bigint;
}

interface Counted {
  readonly orders: number;
  readonly member: string;
  readonly inCash: string;
  readonly notional: bigint;
  readonly wallet: string;
  readonly promised: bigint;
  readonly traded: string;
  readonly units: bigint;
}

/**
 * What is open, by member and by wallet, so that two orders never promise the same balance, and each
 * question costs a look and not a sum over all orders. It is only what this process knows: it is
 * filled from the open orders at the start, and told of every change after its commit.
 */
export class OpenExposure {
  readonly #claims = new Map<string, Counted>();
  readonly #totals = new Map<string, Totals>();

  /**
   * Sets what is open of an order; nothing is, where nothing is left.
   *
   * @param beyond the order that this claim is to replace: only what it adds to that one counts
   */
  set(id: string, claim: OpenClaim, beyond?: string): void {
    this.remove(id);
    if (claim.leaves <= 0) return;
    const { instrument, leaves, price } = claim;
    const before = beyond === undefined ? undefined : this.#claims.get(beyond);
    const notional = price === undefined ? 0n : notionalUnits(instrument, price, leaves);
    this.#keep(id, {
      orders: before ? 0 : 1,
      member: `member ${claim.member}`,
      inCash: memberKey(claim.member, instrument),
      notional: atLeastZero(notional - (before?.notional ?? 0n)),
      wallet: walletKey(claim.account, claim),
      promised: atLeastZero(promiseOf(claim) - (before?.promised ?? 0n)),
      traded: tradedKey(claim.account, claim),
      units: atLeastZero(unitsOf(instrument, leaves) - (before?.units ?? 0n)),
    });
  }

  #keep(id: string, counted: Counted): void {
    this.#claims.set(id, counted);
    this.#count(counted, 1);
  }

  /** The order takes no more fills. */
  remove(id: string): void {
    const counted = this.#claims.get(id);
    if (!counted) return;
    this.#claims.delete(id);
    this.#count(counted, -1);
  }

  /** What one claim promises by itself. */
  promiseOf(id: string): bigint {
    return this.#claims.get(id)?.promised ?? 0n;
  }

  #count(counted: Counted, sign: 1 | -1): void {
    const { orders, member, inCash, notional, wallet, promised, traded, units } = counted;
    this.#add(member, sign, { orders: sign * orders, amount: 0n });
    this.#add(inCash, sign, { orders: sign * orders, amount: BigInt(sign) * notional });
    this.#add(wallet, sign, { orders: sign * orders, amount: BigInt(sign) * promised });
    this.#add(traded, sign, { orders: sign * orders, amount: BigInt(sign) * units });
  }

  /**
   * A member's open orders, and those in one cash by their notional, in the units of limits.
   *
   * @param except an order that is not counted: the one that is to be replaced
   */
  ofMember(
    member: MemberId,
    { cashToken }: Pick<Instrument, 'cashToken'>,
    except?: string,
  ): { readonly openOrders: number; readonly openNotional: bigint } {
    const own = except === undefined ? undefined : this.#claims.get(except);
    const all = this.#totals.get(`member ${member}`)?.orders ?? 0;
    const inCash = this.#totals.get(memberKey(member, { cashToken }))?.amount ?? 0n;
    return { openOrders: all - (own?.orders ?? 0), openNotional: inCash - (own?.notional ?? 0n) };
  }

  /**
   * What a wallet's open orders on this side would need, in the smallest unit of the instrument's cash
   * token for buys, of its own token for sells.
   *
   * @param except an order that is not counted
   */
  promisedBy(
    account: `0x${string}`,
    order: { readonly side: Side; readonly instrument: Instrument },
    except?: string,
  ): bigint {
    const own = except === undefined ? undefined : this.#claims.get(except);
    return (this.#totals.get(walletKey(account, order))?.amount ?? 0n) - (own?.promised ?? 0n);
  }

  /**
   * What a wallet's open orders on this side may yet trade, in the token's smallest unit.
   *
   * @param except an order that is not counted
   */
  unitsOpenOf(
    account: `0x${string}`,
    order: { readonly side: Side; readonly instrument: Instrument },
    except?: string,
  ): bigint {
    const own = except === undefined ? undefined : this.#claims.get(except);
    return (this.#totals.get(tradedKey(account, order))?.amount ?? 0n) - (own?.units ?? 0n);
  }

  #add(key: string, claims: number, more: Omit<Totals, 'claims'>): void {
    const before = this.#totals.get(key) ?? { claims: 0, orders: 0, amount: 0n };
    const after: Totals = {
      claims: before.claims + claims,
      orders: before.orders + more.orders,
      amount: before.amount + more.amount,
    };
    const isSound = after.claims >= 0 && after.orders >= 0 && after.amount >= 0n;
    invariant(isSound, 'less than nothing is open', { key });
    if (after.claims === 0) this.#totals.delete(key);
    else this.#totals.set(key, after);
  }
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}

function memberKey(member: MemberId, { cashToken }: Pick<Instrument, 'cashToken'>): string {
  return `member ${member} ${cashToken.toLowerCase()}`;
}

function walletKey(
  account: string,
  { side, instrument }: { readonly side: Side; readonly instrument: Instrument },
): string {
  const token = side === 'buy' ? instrument.cashToken : instrument.token;
  return `${side} ${account.toLowerCase()} ${token.toLowerCase()}`;
}

function tradedKey(
  account: string,
  { side, instrument }: { readonly side: Side; readonly instrument: Instrument },
): string {
  return `units ${side} ${account.toLowerCase()} ${instrument.token.toLowerCase()}`;
}

function unitsOf(instrument: Instrument, leaves: Quantity): bigint {
  return atLeastUnits(quantityUnits(instrument, leaves), instrument.tokenDecimals);
}

function promiseOf({ side, instrument, leaves, price }: OpenClaim): bigint {
  if (side === 'sell') return unitsOf(instrument, leaves);
  if (price === undefined) return 0n;
  return atLeastUnits(notionalUnits(instrument, price, leaves), instrument.cashDecimals);
}
