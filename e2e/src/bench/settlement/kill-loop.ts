import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@stoa/adapters/seeded-random';
import { type SettlementAudit, startOperatorWorld } from './operator-world.ts';

/** How many orders, and how often their operator dies. The same seed chooses the same. */
export interface KillPlan {
  readonly seed: number;
  readonly kills: number;
  /** Orders of one to three trades; those that come close to each other share a batch. */
  readonly batches: number;
}

/** What chain and stores say afterwards. */
export interface KillResult extends SettlementAudit {
  readonly seed: number;
  readonly kills: number;
  readonly batches: number;
  readonly ms: number;
}

const mostTrades = 3;
const killWithinMs = 600;
const settleWithinMs = 120_000;

/**
 * Kills the operator (SIGKILL) again and again while it composes, signs, sends and follows batches of
 * trades at another venue, and looks what became of every leg.
 */
export async function runKillLoop(
  { seed, kills, batches }: KillPlan,
  say: (text: string) => void,
): Promise<KillResult> {
  const begun = performance.now();
  const random = seededRandom(seed);
  await using world = await startOperatorWorld();
  for (let round = 0; round <= kills; round += 1) {
    const operator = await world.startOperator();
    const share = Math.floor((batches * (round + 1)) / (kills + 1));
    while (world.orders < share) {
      await world.order(1 + random.between(0, mostTrades - 1));
      await world.deliver();
    }
    if (round === kills) {
      await world.untilSettled(settleWithinMs);
      operator.kill('SIGKILL');
      break;
    }
    // Whatever it is doing then.
    const killAtMs = performance.now() + random.between(0, killWithinMs);
    while (performance.now() < killAtMs) {
      await world.deliver();
      await sleep(5);
    }
    operator.kill('SIGKILL');
    await once(operator, 'exit');
    say(`settlement: kill ${round + 1} of ${kills}, ${world.trades.length} legs`);
  }
  return {
    seed,
    kills,
    batches,
    ...(await world.audit()),
    ms: Math.round(performance.now() - begun),
  };
}
