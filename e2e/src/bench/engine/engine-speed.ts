import { median, rounded, spread } from '../statistics.ts';
import {
  type Contender,
  expectedOrders,
  ourEngine,
  ourInput,
  type PeerOrderBook,
  peerEngine,
} from './engine-contenders.ts';
import { type FlowOperation, freshlyRead, makeEngineFlow } from './engine-flow.ts';

const names = ['stoa', 'stoaByNumber', 'peer', 'stoaFreshIds', 'peerFreshIds'] as const;
type Name = (typeof names)[number];
/** Operations whose ids are read at once: what a busy socket brings in a few reads. */
const freshPart = 1_000;

/** Counted rounds of a long flow, over which the peer takes seconds. */
const longRounds = 2;

type Rates = Record<Name, number[]>;

/** How one engine came through a flow. */
interface Run {
  readonly processorSeconds: number;
  readonly wallSeconds: number;
  readonly tradedQuantity: number;
  readonly book: unknown;
}

/**
 * Both lengths of a flow. The longer one ends with a book five times as deep: whether an engine's work
 * grows with its book is seen there, and not in a short flow.
 */
export function measureEngineSpeeds(
  OrderBook: new () => PeerOrderBook,
  {
    longOperations,
    ...short
  }: { seed: number; operations: number; rounds: number; longOperations: number },
) {
  const long = { seed: short.seed, operations: longOperations, rounds: longRounds };
  return {
    ...measureEngineSpeed(OrderBook, short),
    longFlow: measureEngineSpeed(OrderBook, long),
  };
}

/**
 * Operations a second of our engine and of npm's `nodejs-order-book` (MIT) on one flow: three adds to
 * two cancels; the adds lie around one price, so that part of them trades. Each engine counts what
 * trades while it runs, and the measurement fails unless both traded the same and both books are
 * equal, level by level, at the end.
 *
 * Seconds are those of the processor, of all threads, so that other work on the machine and the
 * collector's helpers are counted alike for both. The peer is given the ids it is fastest with, which
 * are texts; ours is measured with the same ones, and with numbers too, which recorded orders have.
 *
 * The ids of a flow are given in two ways, and each engine is compared on the same one. Prepared: all
 * texts are made before, so that an engine finds them cold in memory, and a cancel names its order by the
 * very text that the order was added with, whose hash the peer's `Map` then has already. Fresh: a thousand
 * operations at a time have their ids read from bytes, outside the measured time, as a venue reads them
 * from a socket just before its engine takes them: warm, and never the same text twice. `ratio` is that
 * of prepared ids; `ratioFreshIds` is the other one.
 */
function measureEngineSpeed(
  OrderBook: new () => PeerOrderBook,
  { seed, operations, rounds }: { seed: number; operations: number; rounds: number },
) {
  const flow = makeEngineFlow(seed, operations);
  const texts = ourInput(flow, 'texts');
  const numbers = ourInput(flow, 'numbers');
  const runs: Record<Name, () => Run> = {
    stoa: () => timed(ourEngine(), [texts]),
    stoaByNumber: () => timed(ourEngine(), [numbers]),
    peer: () => timed(peerEngine(new OrderBook()), [flow]),
    stoaFreshIds: () => timed(ourEngine(), inOurTerms(freshlyRead(flow, freshPart))),
    peerFreshIds: () => timed(peerEngine(new OrderBook()), freshlyRead(flow, freshPart)),
  };
  const rates = noRates();
  const wallRates = noRates();
  let tradedQuantity = 0;
  // Two warm-up rounds, not counted; then in turns, so that a change of the machine's speed meets
  // all of them.
  for (let round = -1; round <= rounds; round += 1) {
    const outcomes = new Set<string>();
    for (const name of names) {
      const run = runs[name]();
      if (round > 0) {
        rates[name].push(operations / run.processorSeconds);
        wallRates[name].push(operations / run.wallSeconds);
      }
      tradedQuantity = run.tradedQuantity;
      outcomes.add(JSON.stringify([tradedQuantity, run.book]));
    }
    if (outcomes.size !== 1) throw new Error('the engines disagree about trades or final book');
  }
  const ratio = (name: Name, to: Name): number =>
    rounded(median(rates[name].map((rate, round) => rate / (rates[to][round] ?? 1))), 1);
  return {
    opsPerSecond: rounded(median(rates.stoa)),
    opsPerSecondByNumber: rounded(median(rates.stoaByNumber)),
    nodejsOrderBookOpsPerSecond: rounded(median(rates.peer)),
    ratio: ratio('stoa', 'peer'),
    ratioByNumber: ratio('stoaByNumber', 'peer'),
    ratioFreshIds: ratio('stoaFreshIds', 'peerFreshIds'),
    expectedOrders,
    flow: { seed, operations, addShare: 0.6, tradedQuantity },
    rounds,
    perProcessorSecond: eachOf(rates),
    perSecond: eachOf(wallRates),
  };
}

function* inOurTerms(parts: Iterable<FlowOperation[]>) {
  for (const part of parts) yield ourInput(part, 'texts');
}

/** Makes the next part of the input outside the time that is measured. */
function timed<Operations>(contender: Contender<Operations>, inputs: Iterable<Operations>): Run {
  let processorSeconds = 0;
  let wallSeconds = 0;
  for (const input of inputs) {
    const begun = performance.now();
    const before = process.cpuUsage();
    contender.run(input);
    const { user, system } = process.cpuUsage(before);
    wallSeconds += (performance.now() - begun) / 1_000;
    processorSeconds += (user + system) / 1_000_000;
  }
  const [tradedQuantity, book] = [contender.traded(), contender.book()];
  return { processorSeconds, wallSeconds, tradedQuantity, book };
}

function noRates(): Rates {
  return { stoa: [], stoaByNumber: [], peer: [], stoaFreshIds: [], peerFreshIds: [] };
}

function eachOf(rates: Rates) {
  return Object.fromEntries(names.map((name) => [name, spread(rates[name])]));
}
