import {
  cashAmount,
  createPermissionedToken,
  type Eligibility,
  type EligibilityCode,
  type EligibilityReason,
  type PermissionedToken,
  type TransferQuestion,
  tokenAmount,
} from '@stoa/contracts';
import {
  type Instrument,
  isRefusal,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
} from '@stoa/schema';
import type { Address, Client, Hex } from 'viem';
import type { Logger } from '../telemetry/logger.ts';
import { type CachedAnswer, createAnswerCache } from './answer-cache.ts';
import { preTradeActions } from './pre-trade-actions.ts';

/** Why an order is refused before it is routed. */
export type PreTradeCode = EligibilityCode | 'AMOUNT_NOT_EXACT' | 'CHECK_UNAVAILABLE';

/** What is asked: could this wallet settle the whole order, at the worst price it may fill at? */
export interface PreTradeQuestion {
  readonly instrument: Instrument & {
    /** ERC-1400 partition, where the instrument is one. */
    readonly partition?: Hex;
  };
  readonly side: Side;
  /** The investor's wallet. */
  readonly account: Address;
  readonly quantity: Quantity;
  /** The order's limit; what a buyer pays at most. */
  readonly limitPrice?: Price | undefined;
  /** Where there is no limit: the worst price of the planned route. */
  readonly worstPrice?: Price | undefined;
  /**
   * What the wallet's other open orders would need, in the smallest unit of the cash token for a buy,
   * of the token for a sale: the wallet must have it beside what this order needs.
   */
  readonly promised?: bigint;
}

/** What the router may count on. */
export interface Settleable {
  /** The most of the quantity asked about that could settle now, in whole lots; 0 for nothing. */
  readonly quantity: Quantity;
  /** Why it is less than asked; absent when all of it could settle. */
  readonly refusal?: Refusal<PreTradeCode>;
  /** Everything that stands in the way, the first as in `refusal`. */
  readonly reasons: readonly EligibilityReason[];
  /** Unix milliseconds at which the first of the buyer's claims ends; absent when none says. */
  readonly claimsUntilMs?: number;
}

/** Answers whether an investor could settle an order, before the order goes anywhere. */
export interface PreTradeChecks {
  /**
   * @returns why not, with what to do about it; undefined when the order could settle now. An answer
   * that could not be had is a refusal (`CHECK_UNAVAILABLE`): unknown is never eligible.
   */
  checkOrder(question: PreTradeQuestion): Promise<Refusal<PreTradeCode> | undefined>;
  /** The same question for the router: how much of it could settle, and all that is in the way. */
  settleable(question: PreTradeQuestion): Promise<Settleable>;
}

export interface PreTradeNeeds {
  readonly client: Client;
  /** The contract that investors approve. */
  readonly settlement: Address;
  /** A deployed PreTradeLens; without it the lens is sent along with each call. */
  readonly lens?: Address | undefined;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** So often new blocks are searched before anybody asks; default 50 ms. */
  readonly lookEveryMs?: number;
  /** So old at most is what an answer that is kept was last held against; default 150 ms. */
  readonly freshForMs?: number;
  /** Names for claim topics by decimal number, used in messages. */
  readonly topicNames?: Readonly<Record<string, string>>;
}

const LOOK_EVERY_MS = 50;
const FRESH_FOR_MS = 150;

/** The checks against the chain, in one call of the lens, with answers kept while they hold. */
export function createPreTradeChecks(needs: PreTradeNeeds): PreTradeChecks {
  const tokens = new Map<string, PermissionedToken>();
  const cache = createAnswerCache<Settleable>({
    ...{ lookEveryMs: LOOK_EVERY_MS, freshForMs: FRESH_FOR_MS },
    ...needs,
  });

  function tokenOf({ standard, token, partition }: PreTradeQuestion['instrument']) {
    const key = `${standard} ${token} ${partition}`;
    const known = tokens.get(key);
    if (known) return known;
    const { client, settlement, lens, topicNames } = needs;
    const created = createPermissionedToken(standard, {
      ...{ client, token, settlement },
      ...(partition && { partition }),
      ...(lens && { lens }),
      ...(topicNames && { topicNames }),
    });
    tokens.set(key, created);
    return created;
  }

  async function ask(question: PreTradeQuestion): Promise<CachedAnswer<Settleable>> {
    const transfer = transferOf(question);
    if (isRefusal(transfer)) {
      return { answer: settleableNothing(transfer), contracts: [] };
    }
    const found = await tokenOf(question.instrument).canTransfer(transfer);
    const answer = settleableOf(question, found);
    const { payment } = transfer;
    return {
      ...{ answer, contracts: found.contracts },
      ...(answer.claimsUntilMs !== undefined && { untilMs: answer.claimsUntilMs }),
      cash: payment && { token: payment.cashToken, wallet: payment.payer },
    };
  }

  async function settleable(question: PreTradeQuestion): Promise<Settleable> {
    try {
      return await cache.get(keyOf(question), () => ask(question));
    } catch (error) {
      // The first line only: the rest names the RPC's address, which may hold an access key.
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      needs.logger.warn({ reason, instrument: question.instrument.id }, 'pre-trade check failed');
      return settleableNothing(
        refuse(
          'CHECK_UNAVAILABLE',
          'The chain could not be asked whether this order can settle.',
          'Try again in a few seconds.',
        ),
      );
    }
  }

  return {
    settleable,
    checkOrder: async (question) => (await settleable(question)).refusal,
  };
}

/** The order as a transfer with one side open; a seller's buyer and a buyer's seller are not known. */
function transferOf(question: PreTradeQuestion): TransferQuestion | Refusal<PreTradeCode> {
  const { instrument, side, account, quantity, promised = 0n } = question;
  const amount = tokenAmount({ ...instrument, quantity });
  if (isRefusal(amount)) return amount;
  if (side === 'sell') return { from: account, quantity: amount + promised };
  const price = question.limitPrice ?? question.worstPrice;
  if (price === undefined) {
    const message = 'Without a price it cannot be told how much cash the order needs.';
    return refuse('CHECK_UNAVAILABLE', message, 'Send a limit price.');
  }
  const cash = cashAmount({ ...instrument, price, quantity });
  if (isRefusal(cash)) return cash;
  const payment = { cashToken: instrument.cashToken, payer: account, amount: cash + promised };
  return { to: account, quantity: amount, payment };
}

function settleableOf(question: PreTradeQuestion, found: Eligibility): Settleable {
  if (found.eligible) {
    const until = found.claimsUntil;
    return {
      ...{ quantity: question.quantity, reasons: [] },
      ...(until !== undefined && { claimsUntilMs: until * 1_000 }),
    };
  }
  const { code, message, reasons } = found;
  const refusal = refuse(code, message, preTradeActions[code]);
  return { quantity: mostOf(question, reasons), refusal, reasons };
}

function settleableNothing(refusal: Refusal<PreTradeCode>): Settleable {
  return { quantity: 0, refusal, reasons: [] };
}

/** The most for which none of the reasons would stand: in proportion, and rounded down to lots. */
function mostOf(
  { instrument, side, quantity, limitPrice, worstPrice, promised = 0n }: PreTradeQuestion,
  reasons: readonly EligibilityReason[],
): Quantity {
  const { lotSize } = instrument;
  const price = limitPrice ?? worstPrice ?? 0;
  const tokensPerLot = tokenAmount({ ...instrument, quantity: lotSize });
  const cashPerLot = cashAmount({ ...instrument, price, quantity: lotSize });
  let lots = BigInt(Math.floor(quantity / lotSize));
  for (const { code, most } of reasons) {
    const isCash = code.startsWith('CASH_');
    const perLot = isCash ? cashPerLot : tokensPerLot;
    if (most === undefined || isRefusal(perLot) || perLot === 0n) return 0;
    const free = isCash === (side === 'buy') ? most - promised : most;
    if (free <= 0n) return 0;
    if (free / perLot < lots) lots = free / perLot;
  }
  return Number(lots) * lotSize;
}

function keyOf(question: PreTradeQuestion): string {
  const { instrument, side, account, quantity, limitPrice, worstPrice, promised = 0n } = question;
  const price = limitPrice ?? worstPrice;
  return `${instrument.id} ${instrument.partition} ${side} ${account.toLowerCase()} ${quantity} ${price} ${promised}`;
}
