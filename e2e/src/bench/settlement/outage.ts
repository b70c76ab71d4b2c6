import { setTimeout as sleep } from 'node:timers/promises';
import { type SettlementAudit, startOperatorWorld } from './operator-world.ts';

/** How long the chain does not answer, and what is traded before, meanwhile and afterwards. */
export interface OutagePlan {
  readonly outageMs: number;
  /** Orders of two trades, a third of them while the chain is away. */
  readonly orders: number;
}

export interface OutageResult extends SettlementAudit {
  readonly outageMs: number;
  readonly orders: number;
  /** Orders that were placed while the chain did not answer. */
  readonly ordersMeanwhile: number;
  /** From the chain's first answer to the last leg settled and recorded at both venues. */
  readonly caughtUpMs: number;
}

const tradesPerOrder = 2;
const settleWithinMs = 180_000;

/**
 * Takes the chain away, whole, while orders go on, and gives it back: every RPC call hangs until its own
 * deadline or until the chain answers late. Some transactions are on their way at that moment. Then looks
 * what became of every leg.
 */
export async function runOutage(
  { outageMs, orders }: OutagePlan,
  say: (text: string) => void,
): Promise<OutageResult> {
  await using world = await startOperatorWorld();
  const operator = await world.startOperator();
  const third = Math.max(1, Math.floor(orders / 3));
  const placeUntil = async (count: number, everyMs = 0): Promise<void> => {
    while (world.orders < count) {
      await world.order(tradesPerOrder);
      await world.deliver();
      await sleep(everyMs);
    }
  };
  await placeUntil(third);
  const begun = performance.now();
  world.chain.suspend();
  say(`settlement: the chain is away for ${outageMs / 1_000} s`);
  try {
    const everyMs = outageMs / third;
    while (performance.now() - begun < outageMs) {
      await placeUntil(Math.min(world.orders + 1, 2 * third), everyMs);
      await world.deliver();
      await sleep(20);
    }
  } finally {
    world.chain.resume();
  }
  const back = performance.now();
  const ordersMeanwhile = world.orders - third;
  await placeUntil(orders);
  await world.untilSettled(settleWithinMs);
  const caughtUpMs = Math.round(performance.now() - back);
  operator.kill('SIGKILL');
  return { outageMs, orders, ordersMeanwhile, caughtUpMs, ...(await world.audit()) };
}
