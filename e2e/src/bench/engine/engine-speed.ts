import { median, rounded, spread } from '../statistics.ts';
import {
  type Contender,
  expectedOrders,
  ourEngine,
  ourInput,
  type PeerOrderBook,
  peerEngine,
} from './engine-contenders.ts';
import { makeEngineFlow } from './engine-flow.ts';

const names = ['stoa', 'stoaByNumber', 'peer'] as const;
type Name = (typeof names)[number];

/**
 * Operations a second of our engine and of npm's `nodejs-order-book` (MIT) on one flow: three adds to
 * two cancels; the adds lie around one price, so that part of them trades. Each engine counts what
 * trades while it runs, and the measurement fails unless both traded the same and both books are
 * equal, level by level, at the end.
 *
 * Seconds are those of the processor, of all threads, so that other work on the machine and the
 * collector's helpers are counted alike for both. The peer is given the ids it is fastest with, which
 * are texts; ours is measured with the same ones, and with numbers too, which recorded orders have.
 */
export function measureEngineSpeed(
  OrderBook: new () => PeerOrderBook,
  { seed, operations, rounds }: { seed: number; operations: number; rounds: number },
) {
  const flow = makeEngineFlow(seed, operations);
  const texts = ourInput(flow, 'texts');
  const numbers = ourInput(flow, 'numbers');
  const contenders: Record<Name, () => Contender> = {
    stoa: () => ourEngine(texts),
    stoaByNumber: () => ourEngine(numbers),
    peer: () => peerEngine(flow, new OrderBook()),
  };
  const rates: Record<Name, number[]> = { stoa: [], stoaByNumber: [], peer: [] };
  const wallRates: Record<Name, number[]> = { stoa: [], stoaByNumber: [], peer: [] };
  let tradedQuantity = 0;
  // Two warm-up rounds, not counted; then in turns, so that a change of the machine's speed meets
  // all of them.
  for (let round = -1; round <= rounds; round += 1) {
    const outcomes = new Set<string>();
    for (const name of names) {
      const contender = contenders[name]();
      const begun = performance.now();
      const before = process.cpuUsage();
      contender.run();
      const { user, system } = process.cpuUsage(before);
      const wallSeconds = (performance.now() - begun) / 1_000;
      if (round > 0) {
        rates[name].push((operations / (user + system)) * 1_000_000);
        wallRates[name].push(operations / wallSeconds);
      }
      tradedQuantity = contender.traded();
      outcomes.add(JSON.stringify([tradedQuantity, contender.book()]));
    }
    if (outcomes.size !== 1) throw new Error('the engines disagree about trades or final book');
  }
  const ratioTo = (name: Name): number =>
    rounded(median(rates[name].map((rate, round) => rate / (rates.peer[round] ?? 1))), 1);
  return {
    opsPerSecond: rounded(median(rates.stoa)),
    opsPerSecondByNumber: rounded(median(rates.stoaByNumber)),
    nodejsOrderBookOpsPerSecond: rounded(median(rates.peer)),
    ratio: ratioTo('stoa'),
    ratioByNumber: ratioTo('stoaByNumber'),
    expectedOrders,
    flow: { seed, operations, addShare: 0.6, tradedQuantity },
    rounds,
    perProcessorSecond: eachOf(rates),
    perSecond: eachOf(wallRates),
  };
}

function eachOf(rates: Readonly<Record<Name, readonly number[]>>) {
  return Object.fromEntries(names.map((name) => [name, spread(rates[name])]));
}
