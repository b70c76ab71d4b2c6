import type { Side, TimeInForce } from '@stoa/schema';
import { type SeededRandom, seededRandom } from '../../seeded-random.ts';
import type { EngineOperation } from '../engine-operation.ts';
import type { EngineOrder, OrderRef } from '../engine-types.ts';

/** The empty one stands for none. */
const OWNERS = ['anna', 'bob', 'carl', '', ''] as const;
const STARTED_AT_MS = 1_000;

/**
 * Random operations of every kind that a seed fixes for ever: few prices, names and owners, so that
 * orders meet, and some that must be refused. Operation `n` counts from 1.
 */
export function randomOperations(seed: number): (step: number) => EngineOperation {
  const random = seededRandom(seed);
  return (step) => randomOperation(random, step);
}

function randomOperation(random: SeededRandom, step: number): EngineOperation {
  const known = (): OrderRef => nameOf(Math.max(0, step - random.between(0, 60)));
  const price = random.between(95, 105);
  const roll = random.next();
  if (roll < 0.58) {
    const ref = random.next() < 0.02 ? known() : nameOf(step);
    return { kind: 'submit', order: randomOrder(random, ref, step) };
  }
  const ref = known();
  const by = random.next() < 0.03 ? random.pick([0, -1, 0.5]) : random.between(1, 40);
  if (roll < 0.74) return { kind: 'cancel', ref };
  if (roll < 0.8) return { kind: 'reduce', ref, by };
  if (roll < 0.84) return { kind: 'reopen', ref, by: random.between(0, 8) };
  if (roll < 0.95) {
    const name = random.next() < 0.9 ? nameOf(step) : known();
    return { kind: 'replace', ref, by: { ref: name, price, quantity: by } };
  }
  return randomStateChange(random, step);
}

function randomOrder(random: SeededRandom, ref: OrderRef, step: number): EngineOrder {
  const chance = (share: number): boolean => random.next() < share;
  const side = random.pick<Side>(['buy', 'sell']);
  const timeInForce = random.pick<TimeInForce>(['day', 'gtc', 'gtc', 'gtc', 'gtd', 'ioc', 'fok']);
  const quantity = chance(0.01) ? random.pick([0, -1, 1.5, 2 ** 53]) : random.between(1, 40);
  const expires = chance(0.99) === (timeInForce === 'gtd');
  return {
    ...{ ref, side, timeInForce },
    quantity: chance(0.002) ? Number.MAX_SAFE_INTEGER : quantity,
    price: chance(0.03) ? undefined : random.between(95, 105),
    owner: random.pick(OWNERS) || undefined,
    ...(chance(0.03) && { cumulative: random.between(-1, quantity) }),
    ...(expires && { expireAtMs: STARTED_AT_MS + step + random.between(0, 200) }),
    ...(chance(0.1) && { displayQuantity: random.between(0, 10) }),
    ...(chance(0.06) && { minQuantity: random.between(0, 20) }),
    ...(chance(0.1) && { allOrNone: true }),
  };
}

function randomStateChange(random: SeededRandom, step: number): EngineOperation {
  const atMs = STARTED_AT_MS + step;
  const roll = random.next();
  if (roll < 0.05) return { kind: 'halt' };
  if (roll < 0.35) return { kind: 'resume' };
  if (roll < 0.38) return { kind: 'close' };
  if (roll < 0.5) return { kind: 'start-auction' };
  if (roll < 0.9) {
    return {
      kind: 'uncross',
      reference: random.next() < 0.5 ? undefined : random.between(90, 110),
    };
  }
  return { kind: 'expire', atMs, endOfDay: random.next() < 0.3 };
}

/** Texts and numbers, as members' and recorded orders have. */
function nameOf(step: number): OrderRef {
  return step % 3 === 0 ? step : `order-${step}`;
}
