import type { Address } from 'viem';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PermissionedToken, TransferQuestion } from '../token/permissioned-token.ts';

/** A deployed token, its parties, and what its issuer can do to them. */
export interface TokenUnderTest {
  readonly token: PermissionedToken;
  /** Holds `balance`, and allowed the settlement contract to move all of it. */
  readonly seller: Address;
  readonly balance: bigint;
  /** May hold the token and has none. */
  readonly buyer: Address;
  /** May not hold the token. */
  readonly stranger: Address;
  /** A cash token of which the buyer has `cash`, all of it approved. */
  readonly cashToken: Address;
  readonly cash: bigint;
  /** Moves for real, as the settlement contract. @returns whether the token let it */
  move(transfer: Required<Omit<TransferQuestion, 'payment'>>): Promise<boolean>;
  /** Stops all transfers. */
  halt(): Promise<void>;
  /** Takes a wallet's right to hold the token. */
  expel(wallet: Address): Promise<void>;
  /** Leaves the seller `free` tokens that it can move. */
  lockAllBut(free: bigint): Promise<void>;
  /** Takes the settlement contract's authority over the seller's tokens. */
  withdrawAuthority(): Promise<void>;
  /** Marks the chain's state; the function that comes back returns to it. */
  snapshot(): Promise<() => Promise<void>>;
}

/**
 * What every implementation of the port must do, whatever the standard: above all that its answer is
 * what the token does. Call it in a test file with a name and a token on a real chain.
 */
export function permissionedTokenSuite(name: string, setup: () => Promise<TokenUnderTest>): void {
  describe(`${name} as a permissioned token`, () => {
    let under: TokenUnderTest;
    let restore: () => Promise<void>;
    beforeAll(async () => {
      under = await setup();
    });
    beforeEach(async () => {
      restore = await under.snapshot();
    });
    afterEach(() => restore());

    agreementCases(() => under);
    oneSidedCases(() => under);
    paymentCases(() => under);
  });
}

type Current = () => TokenUnderTest;

/** Asks, then tries: answer and deed must agree. */
async function answerAndDeed(under: TokenUnderTest, quantity: bigint, to = under.buyer) {
  const transfer = { from: under.seller, to, quantity };
  const answer = await under.token.canTransfer(transfer);
  expect(await under.move(transfer)).toBe(answer.eligible);
  return answer;
}

function agreementCases(current: Current): void {
  it('allows what then moves, up to the whole balance', async () => {
    const under = current();
    expect(await answerAndDeed(under, 1n)).toMatchObject({ eligible: true });
    expect(await answerAndDeed(under, under.balance - 1n)).toMatchObject({ eligible: true });
  });

  it('refuses more than the balance, and says how much there is', async () => {
    const under = current();
    expect(await answerAndDeed(under, under.balance + 1n)).toMatchObject({
      code: 'BALANCE_TOO_LOW',
      message: expect.stringContaining(under.seller),
      reasons: expect.arrayContaining([expect.objectContaining({ most: under.balance })]),
    });
  });

  it('refuses a receiver who may not hold the token, by name', async () => {
    const under = current();
    const answer = await answerAndDeed(under, 1n, under.stranger);
    expect(answer).toMatchObject({ message: expect.stringContaining(under.stranger) });
  });

  it('refuses a receiver who lost the right to hold it', async () => {
    const under = current();
    await under.expel(under.buyer);
    expect(await answerAndDeed(under, 1n)).toMatchObject({ eligible: false });
    expect(await under.token.canReceive(under.buyer)).toMatchObject({ eligible: false });
  });

  it('refuses everything while transfers are halted', async () => {
    const under = current();
    await under.halt();
    expect(await answerAndDeed(under, 1n)).toMatchObject({ code: 'TOKEN_PAUSED' });
    expect(await under.token.canReceive(under.buyer)).toMatchObject({ code: 'TOKEN_PAUSED' });
    expect(await under.token.canSend(under.seller, 1n)).toMatchObject({ code: 'TOKEN_PAUSED' });
  });

  it('refuses tokens that are locked, and allows the rest', async () => {
    const under = current();
    await under.lockAllBut(2n);
    expect(await answerAndDeed(under, 3n)).toMatchObject({ eligible: false });
    expect(await answerAndDeed(under, 2n)).toMatchObject({ eligible: true });
  });

  it('refuses where the settlement contract has no authority', async () => {
    const under = current();
    await under.withdrawAuthority();
    expect(await answerAndDeed(under, 1n)).toMatchObject({
      code: expect.stringMatching(/^(ALLOWANCE_TOO_LOW|OPERATOR_NOT_AUTHORIZED)$/),
    });
  });
}

function oneSidedCases(current: Current): void {
  it('answers for a receiver whose seller is not known', async () => {
    const { token, buyer, stranger } = current();
    expect(await token.canReceive(buyer)).toMatchObject({ eligible: true });
    expect(await token.canReceive(stranger)).toMatchObject({ eligible: false });
    // More than anybody has: the seller's side is not the receiver's matter.
    const quantity = 10n ** 30n;
    expect(await token.canTransfer({ to: buyer, quantity })).toMatchObject({ eligible: true });
  });

  it('answers for a sender whose buyer is not known', async () => {
    const { token, seller, buyer, balance } = current();
    expect(await token.canSend(seller, balance)).toMatchObject({ eligible: true });
    expect(await token.canSend(seller, balance + 1n)).toMatchObject({ code: 'BALANCE_TOO_LOW' });
    expect(await token.canSend(buyer, 1n)).toMatchObject({ code: 'BALANCE_TOO_LOW' });
    expect(await token.getFrozenTokens(buyer)).toBe(0n);
  });

  it('answers many questions at once, each for itself and in order', async () => {
    const { token, seller, buyer, stranger } = current();
    const answers = await token.canTransferAll([
      { from: seller, to: buyer, quantity: 1n },
      { from: seller, to: stranger, quantity: 1n },
      { to: buyer, quantity: 1n },
    ]);
    expect(answers.map(({ eligible }) => eligible)).toEqual([true, false, true]);
    expect(answers[0]?.contracts).toContain(token.token.toLowerCase());
  });
}

function paymentCases(current: Current): void {
  it('checks the payment along with the transfer', async () => {
    const { token, seller, buyer, stranger, cashToken, cash } = current();
    const pay = (payer: Address, amount: bigint) =>
      token.canTransfer({
        ...{ from: seller, to: buyer, quantity: 1n },
        payment: { cashToken, payer, amount },
      });
    expect(await pay(buyer, cash)).toMatchObject({ eligible: true });
    expect(await pay(buyer, cash + 1n)).toMatchObject({
      code: 'CASH_TOO_LOW',
      reasons: [{ code: 'CASH_TOO_LOW', most: cash }, { code: 'CASH_ALLOWANCE_TOO_LOW' }],
    });
    expect(await pay(stranger, 1n)).toMatchObject({ code: 'CASH_TOO_LOW' });
  });

  it('takes a cash token that does not answer for a no', async () => {
    const { token, seller, buyer } = current();
    const payment = { cashToken: buyer, payer: buyer, amount: 1n };
    expect(
      await token.canTransfer({ from: seller, to: buyer, quantity: 1n, payment }),
    ).toMatchObject({ code: 'CHECK_UNANSWERED' });
  });
}
