import { isRefusal, type Refusal, refuse } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import type { PreTradeQuestion } from '../../compliance/pre-trade.ts';
import type { MandateChecks } from '../../settlement/mandates/mandate-gate.ts';
import type { UnsettledClaims } from '../../settlement/unsettled-fills.ts';
import { TestMarket } from '../testing/test-market.ts';
import { BROKER_WALLET, INSTRUMENT } from '../testing/test-network.ts';
import { type GatedOrder, type GatedState, type HeldPlace, OrderGate } from './order-gate.ts';
import { MemberLimits, parseOrderLimits } from './order-limits.ts';

/** Buys 100 at 10.00: a thousand in cash. */
const ORDER: GatedOrder = {
  member: 'broker',
  account: BROKER_WALLET,
  instrument: INSTRUMENT,
  side: 'buy',
  leaves: 100,
  limitPrice: 1_000,
  worstPrice: undefined,
};
const CASH = 10n ** 6n;

/** A wallet with 2,500 in cash and 250 tokens, asked as the chain is: with a pause. */
function gateOf(
  limits: object = {},
  unsettled?: UnsettledClaims,
  mandates?: MandateChecks,
): { gate: OrderGate; asked: PreTradeQuestion[]; byQuantity: PreTradeQuestion[] } {
  const parsed = parseOrderLimits({ defaults: limits });
  if (isRefusal(parsed)) throw new Error(parsed.message);
  const asked: PreTradeQuestion[] = [];
  const byQuantity: PreTradeQuestion[] = [];
  const gate = new OrderGate({
    limits: new MemberLimits(parsed),
    market: new TestMarket(INSTRUMENT.id, ['alpha']),
    nowMs: () => 0,
    settleable: async (question) => {
      byQuantity.push(question);
      return { quantity: 7, reasons: [], refusal: refuse('CASH_TOO_LOW', 'Too little.', 'Less.') };
    },
    ...(unsettled && { unsettled }),
    ...(mandates && { mandates }),
    checkOrder: async (question) => {
      asked.push(question);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const { side, quantity, limitPrice, worstPrice, promised = 0n } = question;
      const price = limitPrice ?? worstPrice ?? 0;
      const [has, needed] =
        side === 'buy'
          ? [2_500n * CASH, (BigInt(price * quantity) * CASH) / 100n]
          : [250n * 10n ** 18n, BigInt(quantity) * 10n ** 18n];
      if (needed + promised <= has) return undefined;
      return refuse(side === 'buy' ? 'CASH_TOO_LOW' : 'BALANCE_TOO_LOW', 'Too little.', 'Less.');
    },
  });
  return { gate, asked, byQuantity };
}

const codeOf = (answer: Refusal | HeldPlace): string => (isRefusal(answer) ? answer.code : 'in');

describe('the gate of a home node', () => {
  it('lets no two orders that come at once promise one balance', async () => {
    const { gate } = gateOf();
    const answers = await Promise.all([1, 2, 3].map(() => gate.enter(ORDER)));
    expect(answers.map(codeOf)).toEqual(['in', 'in', 'CASH_TOO_LOW']);
    const sales = await Promise.all([1, 2, 3].map(() => gate.enter({ ...ORDER, side: 'sell' })));
    expect(sales.map(codeOf)).toEqual(['in', 'in', 'BALANCE_TOO_LOW']);
  });

  it('keeps what is promised while an order is open, as far as it is', async () => {
    const { gate, asked } = gateOf();
    const place = await gate.enter({ ...ORDER, leaves: 200 });
    gate.changed({ ...ORDER, id: 'alpha-1', leaves: 200 });
    if (!isRefusal(place)) place.release();
    expect(codeOf(await gate.enter(ORDER))).toBe('CASH_TOO_LOW');
    expect(asked.at(-1)?.promised).toBe(2_000n * CASH);
    gate.changed({ ...ORDER, id: 'alpha-1', leaves: 150 });
    expect(codeOf(await gate.enter(ORDER))).toBe('in');
    gate.changed({ ...ORDER, id: 'alpha-1', leaves: 0 });
    expect(codeOf(await gate.enter(ORDER))).toBe('in');
  });

  it('holds an order against its investor’s mandate, with what others of the account may trade', async () => {
    const open: bigint[] = [];
    const { gate } = gateOf({}, undefined, {
      checkOrder: async ({ leaves }, openUnits) => {
        open.push(openUnits / 10n ** 18n);
        const isWithin = openUnits + BigInt(leaves) * 10n ** 18n <= 150n * 10n ** 18n;
        return isWithin ? undefined : refuse('MANDATE_QUANTITY_EXCEEDED', 'Too much.', 'Less.');
      },
    });
    const sale = { ...ORDER, side: 'sell' as const, leaves: 100 };
    const answers = await Promise.all([gate.enter(sale), gate.enter(sale), gate.enter(ORDER)]);
    expect(answers.map(codeOf)).toEqual(['in', 'MANDATE_QUANTITY_EXCEEDED', 'in']);
    // The buy side is another mandate's, and what was refused is given up.
    expect(open).toEqual([0n, 100n, 0n]);
    const [first] = answers;
    if (first && !isRefusal(first)) first.release();
    gate.changed({ ...sale, id: 'alpha-9', leaves: 40 });
    // What an order would become is asked about beside the others, not beside itself.
    await gate.enter({ ...sale, leaves: 120 }, { id: 'alpha-9' });
    expect(open.at(-1)).toBe(0n);
  });

  it('counts what fills gave away and the chain has not moved yet, and nothing that it has', async () => {
    let owed = 1_600n * CASH;
    let owedNow = owed;
    const token = INSTRUMENT.cashToken;
    const unsettled: UnsettledClaims = {
      owed: (_, asked) => (asked === token ? owed : 0n),
      owedNow: async () => owedNow,
    };
    const { gate } = gateOf({}, unsettled);
    expect(codeOf(await gate.enter(ORDER))).toBe('CASH_TOO_LOW');
    // The other token is not spoken for.
    expect(codeOf(await gate.enter({ ...ORDER, side: 'sell' }))).toBe('in');
    // Mined, and not final: the balance has it already.
    owedNow = 0n;
    expect(codeOf(await gate.enter(ORDER))).toBe('in');
    owed = 0n;
    expect(codeOf(await gate.enter(ORDER))).toBe('in');
  });

  it('asks by quantity beside all that a wallet has promised and owes, the order itself apart', async () => {
    let owedNow = 3n;
    const unsettled: UnsettledClaims = { owed: () => 5n, owedNow: async () => owedNow };
    const { gate, byQuantity } = gateOf({}, unsettled);
    gate.changed({ ...ORDER, id: 'alpha-1' });
    gate.changed({ ...ORDER, id: 'alpha-2' });
    const ofOne = gate.promised(ORDER, 'alpha-2') - 5n;
    expect(gate.promised(ORDER)).toBe(2n * ofOne + 5n);
    expect(await gate.settleable(ORDER, 'alpha-1')).toMatchObject({ quantity: 7 });
    // It is refused some of it, so what the chain has moved meanwhile is looked at.
    expect(byQuantity.map(({ promised }) => promised)).toEqual([ofOne + 5n, ofOne + 3n]);
    owedNow = 0n;
    await gate.settleable(ORDER);
    expect(byQuantity.at(-1)?.promised).toBe(2n * ofOne);
  });

  it('gives up the place of an order that is refused, or released', async () => {
    const { gate } = gateOf();
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 300 }))).toBe('CASH_TOO_LOW');
    const place = await gate.enter({ ...ORDER, leaves: 250 });
    expect(codeOf(place)).toBe('in');
    if (!isRefusal(place)) place.release();
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 250 }))).toBe('in');
  });

  it('counts an order that is replaced once, and as it was where it stays', async () => {
    const { gate } = gateOf();
    const open: GatedState = { ...ORDER, id: 'alpha-1' };
    gate.changed(open);
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 260 }, open))).toBe('CASH_TOO_LOW');
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 150 }))).toBe('in');
  });

  it('keeps place for what a replacement adds until it is in effect, and for no order that is done', async () => {
    const { gate } = gateOf({ maxOpenOrders: 2 });
    const open: GatedState = { ...ORDER, id: 'alpha-1' };
    gate.changed(open);
    const place = await gate.enter({ ...ORDER, leaves: 240 }, open);
    expect(codeOf(place)).toBe('in');
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 20 }))).toBe('CASH_TOO_LOW');
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 10 }))).toBe('in');
    // It was filled meanwhile.
    gate.changed({ ...open, leaves: 0 });
    if (!isRefusal(place)) place.release();
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 240 }))).toBe('in');
  });

  it('gives the place up when nobody can be asked', async () => {
    const gate = new OrderGate({
      limits: new MemberLimits(),
      market: new TestMarket(INSTRUMENT.id, ['alpha']),
      nowMs: () => 0,
      settleable: async () => ({ quantity: 0, reasons: [] }),
      checkOrder: async ({ promised }) => {
        expect(promised).toBe(0n);
        throw new Error('gone');
      },
    });
    await expect(gate.enter(ORDER)).rejects.toThrow('gone');
    await expect(gate.enter(ORDER)).rejects.toThrow('gone');
  });

  it('adds up what a member has open before it asks the chain', async () => {
    const { gate, asked } = gateOf({ maxOpenOrders: 2, maxOpenNotional: '1500' });
    gate.changed({ ...ORDER, id: 'alpha-1', leaves: 60 });
    expect(codeOf(await gate.enter(ORDER))).toBe('OVER_MAX_OPEN_NOTIONAL');
    gate.changed({ ...ORDER, id: 'alpha-2', leaves: 10 });
    expect(codeOf(await gate.enter({ ...ORDER, leaves: 10 }))).toBe('TOO_MANY_OPEN_ORDERS');
    expect(asked).toEqual([]);
    expect(codeOf(await gate.enter({ ...ORDER, member: 'other' }))).toBe('in');
  });

  it('asks a wallet that has plenty the same again, however little is promised meanwhile', async () => {
    const asked = new Set<bigint | undefined>();
    const gate = new OrderGate({
      limits: new MemberLimits(),
      market: new TestMarket(INSTRUMENT.id, ['alpha']),
      nowMs: () => 0,
      settleable: async () => ({ quantity: 0, reasons: [] }),
      checkOrder: async ({ promised }) => {
        asked.add(promised);
        return undefined;
      },
    });
    for (let count = 0; count < 128; count += 1) await gate.enter(ORDER);
    expect([...asked]).toEqual([0n, 64_000n * CASH, 128_000n * CASH]);
  });

  it('asks of a market order what its route costs, and of one without a route who may hold it', async () => {
    const { gate, asked } = gateOf();
    const market = { ...ORDER, limitPrice: undefined };
    await gate.enter({ ...market, worstPrice: 1_010 });
    await gate.enter({ ...market, worstPrice: undefined });
    expect(asked.map(({ limitPrice, worstPrice }) => [limitPrice, worstPrice])).toEqual([
      [undefined, 1_010],
      [undefined, INSTRUMENT.tickSize],
    ]);
  });
});
