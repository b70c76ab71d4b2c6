import { setTimeout as sleep } from 'node:timers/promises';
import type { Execution } from '@stoa/schema';
import { SettlementWorld } from '../../settlement/settlement-world.ts';
import { rounded, spread } from '../statistics.ts';

/** Legs that settle per second, end to end. */
export interface LegsFigures {
  readonly legsPerSecond: {
    readonly median: number;
    readonly lowest: number;
    readonly highest: number;
  };
  readonly legs: number;
  readonly legsPerBatch: number;
}

const legsPerOrder = 50;
const withinMs = 600_000;

/**
 * From executions that are on record to settlements that are final and recorded: instructions signed
 * by both venues, batches signed, kept and sent one behind the other, events taken in. Fails where a
 * leg does not settle.
 */
export async function measureLegsPerSecond(
  orders: number,
  rounds: number,
  say: (text: string) => void,
): Promise<LegsFigures> {
  const world = await SettlementWorld.start({ pollIntervalMs: 5, indexTokens: false });
  try {
    const speeds: number[] = [];
    // One more, which is not counted: code and caches are cold in it.
    for (let round = 0; round <= rounds; round += 1) {
      const speed = await measureRound(world, round === 0 ? Math.ceil(orders / 4) : orders);
      say(`settlement: round ${round}, ${rounded(speed)} legs a second`);
      if (round > 0) speeds.push(speed);
    }
    const legs = orders * legsPerOrder;
    return { legsPerSecond: spread(speeds), legs, legsPerBatch: legsPerOrder };
  } finally {
    await world.stop();
  }
}

async function measureRound(world: SettlementWorld, orders: number): Promise<number> {
  const { alpha, beta } = world.nodes;
  const ids: string[] = [];
  for (let order = 0; order < orders; order += 1) {
    const trades: Execution[] = [];
    for (let leg = 0; leg < legsPerOrder; leg += 1) trades.push(world.nextTrade('beta'));
    await beta.recordTrades(trades);
    ids.push(await world.order(trades));
  }
  const begun = performance.now();
  await Promise.all(ids.map((id) => alpha.service.closeGroup(id)));
  const settledBefore = performance.now() + withinMs;
  for (;;) {
    const states = await alpha.states();
    if (states['failed'] !== undefined) throw new Error('a batch failed');
    const open =
      (states['instructed'] ?? 0) + (states['affirmed'] ?? 0) + (states['submitted'] ?? 0);
    if (open === 0) break;
    if (performance.now() > settledBefore) throw new Error(`${open} batches did not settle`);
    await sleep(10);
  }
  return (orders * legsPerOrder) / ((performance.now() - begun) / 1_000);
}
