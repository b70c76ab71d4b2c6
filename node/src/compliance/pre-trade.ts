import {
  cashAmount,
  createPermissionedToken,
  type Eligibility,
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
import { isOpaque, mostThatPasses } from './opaque-rules.ts';
import {
  isCashReason,
  meansOf,
  type PreTradeCode,
  refusalOf,
  type SettleableLevel,
  type SettlementMeans,
  settleableLevels,
} from './settlement-means.ts';

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

/** Whose means are asked about, for which side of which book. */
export type MeansQuestion = Pick<PreTradeQuestion, 'instrument' | 'side' | 'account' | 'promised'>;

/** Answers whether an investor could settle an order, before the order goes anywhere. */
export interface PreTradeChecks {
  /**
   * @returns why not, with what to do about it; undefined when the order could settle now. An answer
   * that could not be had is a refusal (`CHECK_UNAVAILABLE`): unknown is never eligible.
   */
  checkOrder(question: PreTradeQuestion): Promise<Refusal<PreTradeCode> | undefined>;
  /** The same question by quantity: how much of it could settle, and all that is in the way. */
  settleable(question: PreTradeQuestion): Promise<Settleable>;
  /**
   * How much of each level of a book's side the account could settle, the best first: see
   * {@link settleableLevels}. The chain is asked about more than is shown, in coarse steps, so that an
   * answer that is kept holds for the next book too.
   */
  settleableLevels(
    question: MeansQuestion,
    levels: readonly { readonly price: Price; readonly quantity: Quantity }[],
  ): Promise<SettleableLevel[]>;
}

export interface PreTradeNeeds {
  readonly client: Client;
  /** The contract that investors approve. */
  readonly settlement: Address;
  /** A deployed PreTradeLens; without it the lens is sent along with each call. */
  readonly lens?: Address | undefined;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** So often new blocks are searched before anybody asks; default 100 ms. */
  readonly lookEveryMs?: number;
  /** So old at most is what an answer that is kept was last held against; default 150 ms. */
  readonly freshForMs?: number;
  /** Names for claim topics by decimal number, used in messages. */
  readonly topicNames?: Readonly<Record<string, string>>;
}

const LOOK_EVERY_MS = 100;
const FRESH_FOR_MS = 150;

/** What the chain said of one transfer. */
interface Found {
  readonly means: SettlementMeans;
  /** Everything in the way, the most telling first; none where the transfer would go through. */
  readonly reasons: readonly EligibilityReason[];
  readonly refusal?: Refusal<PreTradeCode>;
  readonly claimsUntilMs?: number;
}

interface Asked {
  readonly question: MeansQuestion;
  readonly transfer: TransferQuestion;
  /** Whether it matters how much would pass, and not only whether all of it does. */
  readonly byQuantity: boolean;
}

/** The checks against the chain, in one call of the lens, with answers kept while they hold. */
export function createPreTradeChecks(needs: PreTradeNeeds): PreTradeChecks {
  const tokenOf = createTokens(needs);
  const cache = createAnswerCache<Found>({
    ...{ lookEveryMs: LOOK_EVERY_MS, freshForMs: FRESH_FOR_MS },
    ...needs,
  });

  async function ask(asked: Asked): Promise<CachedAnswer<Found>> {
    const { question, transfer, byQuantity } = asked;
    const token = tokenOf(question.instrument);
    const eligibility = await token.canTransfer(transfer);
    const found = foundOf(question, eligibility);
    const { payment } = transfer;
    return {
      answer: byQuantity ? await withTokens(token, asked, found) : found,
      contracts: eligibility.contracts,
      ...(found.claimsUntilMs !== undefined && { untilMs: found.claimsUntilMs }),
      cash: payment && { token: payment.cashToken, wallet: payment.payer },
    };
  }

  async function look(asked: Asked): Promise<Found> {
    const { instrument } = asked.question;
    try {
      return await cache.get(keyOf(asked), () => ask(asked));
    } catch (error) {
      // The first line only: the rest names the RPC's address, which may hold an access key.
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      needs.logger.warn({ reason, instrument: instrument.id }, 'pre-trade check failed');
      return nothing(
        refuse(
          'CHECK_UNAVAILABLE',
          'The chain could not be asked whether this order can settle.',
          'Try again in a few seconds.',
        ),
      );
    }
  }

  async function settleable(question: PreTradeQuestion): Promise<Settleable> {
    const transfer = transferOf(question);
    if (isRefusal(transfer)) return { quantity: 0, refusal: transfer, reasons: [] };
    const { reasons, refusal, claimsUntilMs, means } = await look({
      ...{ question, transfer, byQuantity: true },
    });
    const price = question.limitPrice ?? question.worstPrice ?? 0;
    const [level] = settleableLevels({ ...question, means }, [
      { price, quantity: question.quantity },
    ]);
    return {
      quantity: refusal ? (level?.settleableQuantity ?? 0) : question.quantity,
      reasons,
      ...(refusal && { refusal }),
      ...(claimsUntilMs !== undefined && { claimsUntilMs }),
    };
  }

  return {
    settleable,
    async checkOrder(question) {
      const transfer = transferOf(question);
      if (isRefusal(transfer)) return transfer;
      return (await look({ question, transfer, byQuantity: false })).refusal;
    },
    async settleableLevels(question, levels) {
      if (levels.length === 0) return [];
      const transfer = transferOfLevels(question, levels);
      const found = isRefusal(transfer)
        ? nothing(transfer)
        : await look({ question, transfer, byQuantity: true });
      return settleableLevels({ ...question, means: found.means }, levels);
    },
  };
}

/** The token of each instrument, made when it is first asked about. */
function createTokens(
  needs: PreTradeNeeds,
): (instrument: PreTradeQuestion['instrument']) => PermissionedToken {
  const tokens = new Map<string, PermissionedToken>();
  return ({ standard, token, partition }) => {
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
  };
}

function foundOf({ side, promised = 0n }: MeansQuestion, found: Eligibility): Found {
  if (found.eligible) {
    const until = found.claimsUntil;
    return {
      ...{ means: {}, reasons: [] },
      ...(until !== undefined && { claimsUntilMs: until * 1_000 }),
    };
  }
  const { reasons } = found;
  return { means: meansOf(side, reasons, promised), reasons, refusal: refusalOf(found) };
}

/** Where a rule says no and not how much it would let pass, that is found by asking it again. */
async function withTokens(
  token: PermissionedToken,
  { question, transfer }: Asked,
  found: Found,
): Promise<Found> {
  const ofTokens = found.reasons.filter(({ code }) => !isCashReason(code));
  const { instrument, side, promised = 0n } = question;
  const perLot = tokenAmount({ ...instrument, quantity: instrument.lotSize });
  const { tokens } = found.means;
  if (!isOpaque(ofTokens) || !tokens || isRefusal(perLot) || perLot === 0n) return found;
  const { payment: _, ...unpaid } = transfer;
  const beside = side === 'sell' ? promised : 0n;
  const lots = (transfer.quantity - beside + perLot - 1n) / perLot;
  const passing = await mostThatPasses(lots, async (asked) => {
    const transfers = asked.map((each) => ({ ...unpaid, quantity: each * perLot + beside }));
    return (await token.canTransferAll(transfers)).map(({ eligible }) => eligible);
  });
  return { ...found, means: { ...found.means, tokens: { ...tokens, most: passing * perLot } } };
}

function nothing(refusal: Refusal<PreTradeCode>): Found {
  return { means: { tokens: { most: 0n, refusal } }, reasons: [], refusal };
}

/** The order as a transfer with one side open; a seller's buyer and a buyer's seller are not known. */
function transferOf(question: PreTradeQuestion): TransferQuestion | Refusal<PreTradeCode> {
  const { instrument, side, quantity } = question;
  const amount = tokenAmount({ ...instrument, quantity });
  if (isRefusal(amount)) return amount;
  if (side === 'sell') return transferWith(question, amount, 0n);
  const price = question.limitPrice ?? question.worstPrice;
  if (price === undefined) {
    const message = 'Without a price it cannot be told how much cash the order needs.';
    return refuse('CHECK_UNAVAILABLE', message, 'Send a limit price.');
  }
  const cash = cashAmount({ ...instrument, price, quantity });
  return isRefusal(cash) ? cash : transferWith(question, amount, cash);
}

/** More than all that is shown: its tokens and its cash, each up to the next power of two. */
function transferOfLevels(
  question: MeansQuestion,
  levels: readonly { readonly price: Price; readonly quantity: Quantity }[],
): TransferQuestion | Refusal<PreTradeCode> {
  const { instrument } = question;
  const { lotSize } = instrument;
  const perLot = tokenAmount({ ...instrument, quantity: lotSize });
  if (isRefusal(perLot)) return perLot;
  let lots = 0n;
  let cash = 0n;
  for (const { price, quantity } of levels) {
    const shown = BigInt(Math.floor(quantity / lotSize));
    const lotPrice = cashAmount({ ...instrument, price, quantity: lotSize });
    lots += shown;
    if (!isRefusal(lotPrice)) cash += shown * lotPrice;
  }
  return transferWith(question, powerOfTwo(lots) * perLot, powerOfTwo(cash));
}

function powerOfTwo(atLeast: bigint): bigint {
  return atLeast <= 1n ? 1n : 1n << BigInt((atLeast - 1n).toString(2).length);
}

function transferWith(
  { instrument, side, account, promised = 0n }: MeansQuestion,
  tokens: bigint,
  cash: bigint,
): TransferQuestion {
  if (side === 'sell') return { from: account, quantity: tokens + promised };
  const payment = { cashToken: instrument.cashToken, payer: account, amount: cash + promised };
  return { to: account, quantity: tokens, payment };
}

function keyOf({ question, transfer, byQuantity }: Asked): string {
  const { instrument, side, account, promised = 0n } = question;
  const { quantity, payment } = transfer;
  return `${instrument.id} ${instrument.partition} ${side} ${account.toLowerCase()} ${quantity} ${payment?.amount} ${promised} ${byQuantity}`;
}
