import {
  cashAmount,
  createErc3643Token,
  type Eligibility,
  type EligibilityCode,
  type PermissionedToken,
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
import type { Address, Client } from 'viem';
import { getBlockNumber } from 'viem/actions';
import type { Logger } from '../telemetry/logger.ts';

/** Why an order is refused before it is routed. */
export type PreTradeCode =
  | EligibilityCode
  | 'AMOUNT_NOT_EXACT'
  | 'STANDARD_UNSUPPORTED'
  | 'CHECK_UNAVAILABLE';

/** What is asked: could this wallet settle the whole order, at the worst price it may fill at? */
export interface PreTradeQuestion {
  readonly instrument: Instrument;
  readonly side: Side;
  /** The investor's wallet. */
  readonly account: Address;
  readonly quantity: Quantity;
  /** The order's limit; what a buyer pays at most. */
  readonly limitPrice?: Price | undefined;
  /** Where there is no limit: the worst price of the planned route. */
  readonly worstPrice?: Price | undefined;
}

/** Answers whether an investor could settle an order, before the order goes anywhere. */
export interface PreTradeChecks {
  /**
   * @returns why not, with what to do about it; undefined when the order could settle now. An answer
   * that could not be had is a refusal (`CHECK_UNAVAILABLE`): unknown is never eligible.
   */
  checkOrder(question: PreTradeQuestion): Promise<Refusal<PreTradeCode> | undefined>;
}

export interface PreTradeNeeds {
  readonly client: Client;
  /** The contract that investors approve. */
  readonly settlement: Address;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Names for claim topics by decimal number, used in messages. */
  readonly topicNames?: Readonly<Record<string, string>>;
}

/** An answer serves for its own block, and no longer than this: state changes only with blocks. */
const maxAnswerAgeMs = 500;
const maxAnswers = 10_000;

const actions: Record<EligibilityCode, string> = {
  TOKEN_PAUSED: 'Wait until the issuer resumes transfers of the token.',
  WALLET_FROZEN: 'Ask the issuer why the wallet is frozen.',
  IDENTITY_NOT_REGISTERED: 'Have the investor’s identity registered with the issuer.',
  IDENTITY_NOT_VERIFIED: 'Have the investor’s identity verified by the issuer.',
  CLAIM_MISSING: 'Have a claim issuer that the token trusts attest the investor.',
  CLAIM_INVALID: 'Have the claim renewed by its issuer.',
  BALANCE_TOO_LOW: 'Lower the quantity, or bring tokens to the wallet.',
  ALLOWANCE_TOO_LOW: 'Approve the settlement contract for the tokens, from the wallet.',
  COMPLIANCE_REFUSED: 'Ask the issuer about the rule that is named.',
  CASH_TOO_LOW: 'Lower the quantity, or bring cash to the wallet.',
  CASH_ALLOWANCE_TOO_LOW: 'Approve the settlement contract for the cash, from the wallet.',
};

/** The checks against the chain, with answers kept for one block. */
export function createPreTradeChecks(needs: PreTradeNeeds): PreTradeChecks {
  const tokens = new Map<Address, PermissionedToken>();
  type Answer = Refusal<PreTradeCode> | undefined;
  let answers = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>();
  let answersBlock: bigint | undefined;

  function tokenOf(instrument: Instrument): PermissionedToken {
    const known = tokens.get(instrument.token);
    if (known) return known;
    const { client, settlement, topicNames } = needs;
    const token = createErc3643Token({
      client,
      token: instrument.token,
      settlement,
      ...(topicNames && { topicNames }),
    });
    tokens.set(instrument.token, token);
    return token;
  }

  async function ask(question: PreTradeQuestion): Promise<Answer> {
    const { instrument, side, account, quantity } = question;
    if (instrument.standard !== 'ERC-3643') {
      const message = `Tokens of the standard ${instrument.standard} cannot be checked yet.`;
      return refuse('STANDARD_UNSUPPORTED', message, 'Choose an ERC-3643 instrument.');
    }
    const amount = tokenAmount({ ...instrument, quantity });
    if (isRefusal(amount)) return amount;
    const token = tokenOf(instrument);
    if (side === 'sell') {
      return refusalOf(await token.checkSender({ from: account, quantity: amount }));
    }
    const cash = worstCost(question);
    if (isRefusal(cash)) return cash;
    const { cashToken } = instrument;
    const payment = { cashToken, owner: account, spender: needs.settlement, amount: cash };
    const [holder, paid] = await Promise.all([
      token.checkTransfer({ to: account, quantity: amount }),
      token.checkCash(payment),
    ]);
    return refusalOf(holder) ?? refusalOf(paid);
  }

  return {
    checkOrder: async (question) => {
      try {
        const block = await getBlockNumber(needs.client, { cacheTime: 0 });
        if (block !== answersBlock || answers.size >= maxAnswers) answers = new Map();
        answersBlock = block;
        const key = keyOf(question);
        const kept = answers.get(key);
        if (kept && needs.nowMs() - kept.atMs < maxAnswerAgeMs) return await kept.answer;
        const answer = ask(question);
        answers.set(key, { atMs: needs.nowMs(), answer });
        const map = answers;
        // A failure is no answer, and is asked again.
        answer.catch(() => map.delete(key));
        return await answer;
      } catch (error) {
        // The first line only: the rest names the RPC's address, which may hold an access key.
        const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
        needs.logger.warn({ reason, instrument: question.instrument.id }, 'pre-trade check failed');
        return refuse(
          'CHECK_UNAVAILABLE',
          'The chain could not be asked whether this order can settle.',
          'Try again in a few seconds.',
        );
      }
    },
  };
}

/** What the buyer pays at most: the limit, or the worst price of the route. */
function worstCost(question: PreTradeQuestion): bigint | Refusal<PreTradeCode> {
  const { instrument, quantity } = question;
  const price = question.limitPrice ?? question.worstPrice;
  if (price === undefined) {
    const message = 'Without a price it cannot be told how much cash the order needs.';
    return refuse('CHECK_UNAVAILABLE', message, 'Send a limit price.');
  }
  return cashAmount({ ...instrument, price, quantity });
}

function refusalOf(eligibility: Eligibility): Refusal<PreTradeCode> | undefined {
  if (eligibility.eligible) return undefined;
  return refuse(eligibility.code, eligibility.message, actions[eligibility.code]);
}

function keyOf(question: PreTradeQuestion): string {
  const { instrument, side, account, quantity, limitPrice, worstPrice } = question;
  return `${instrument.id} ${side} ${account.toLowerCase()} ${quantity} ${limitPrice ?? worstPrice}`;
}
