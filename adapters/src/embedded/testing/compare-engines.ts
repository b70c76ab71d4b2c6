import { bookDigest } from '../book-digest.ts';
import { EngineEvents } from '../engine-events.ts';
import { applyOperation, type EngineOperation } from '../engine-operation.ts';
import type { SelfTradeAction } from '../engine-types.ts';
import { MatchingEngine } from '../matching-engine.ts';
import { NaiveMatchingEngine } from './naive-matching-engine.ts';
import { randomOperations } from './random-operations.ts';

export interface EngineComparison {
  readonly seed: number;
  readonly operations: number;
  readonly onSelfTrade: SelfTradeAction;
  /** Books are compared after so many operations; events after each. */
  readonly booksEvery: number;
  /** Told the number of the operation that was done, now and then. */
  readonly onProgress?: (step: number) => void;
}

/** How the engine and its naive twin parted. */
export interface EngineDisagreement {
  readonly seed: number;
  readonly step: number;
  readonly what: string;
  /** The fewest operations, of those up to the step, that still make them part. */
  readonly operations: readonly EngineOperation[];
}

/** What was compared, and where they first parted; undefined where they never did. */
export interface ComparisonResult {
  readonly trades: number;
  readonly disagreement: EngineDisagreement | undefined;
}

/** Does the same random operations with the engine and its twin. */
export function compareEngines(comparison: EngineComparison): ComparisonResult {
  const { seed, operations, onSelfTrade, booksEvery, onProgress } = comparison;
  const next = randomOperations(seed);
  const done: EngineOperation[] = [];
  const pair = new EnginePair(onSelfTrade);
  for (let step = 1; step <= operations; step += 1) {
    const operation = next(step);
    done.push(operation);
    const what = pair.apply(operation, step % booksEvery === 0 || step === operations);
    if (what !== undefined) {
      const shortest = shorten(done, onSelfTrade);
      const disagreement = { seed, step, what, operations: shortest };
      return { trades: pair.trades, disagreement };
    }
    if (step % 50_000 === 0) onProgress?.(step);
  }
  return { trades: pair.trades, disagreement: undefined };
}

class EnginePair {
  trades = 0;
  readonly #events = new EngineEvents();
  readonly #engine: MatchingEngine;
  readonly #naive: NaiveMatchingEngine;

  constructor(onSelfTrade: SelfTradeAction) {
    this.#engine = new MatchingEngine(this.#events, { onSelfTrade });
    this.#naive = new NaiveMatchingEngine(onSelfTrade);
  }

  /** What differs after the operation. */
  apply(operation: EngineOperation, withBook: boolean): string | undefined {
    let events: string;
    try {
      applyOperation(this.#engine, operation);
      const told = this.#events.take();
      this.trades += told.reduce((count, { kind }) => count + (kind === 'trade' ? 1 : 0), 0);
      events = JSON.stringify(sorted(told));
    } catch (error) {
      return `the engine failed: ${String(error)}`;
    }
    const expected = JSON.stringify(sorted(this.#naive.apply(operation)));
    if (events !== expected) return `events ${events} should be ${expected}`;
    if (!withBook) return undefined;
    const digest = bookDigest(this.#naive.orders(), this.#naive.state);
    if (this.#engine.digest() !== digest) return 'the books differ';
    const [depth, naiveDepth] = [this.#engine.depth(5), this.#naive.depth(5)];
    return JSON.stringify(depth) === JSON.stringify(naiveDepth) ? undefined : 'the depths differ';
  }
}

/** Leaves out what is not needed for a disagreement, in ever smaller parts. */
function shorten(
  operations: readonly EngineOperation[],
  onSelfTrade: SelfTradeAction,
): readonly EngineOperation[] {
  let kept = operations.slice(-2_000);
  if (!disagree(kept, onSelfTrade)) return operations;
  for (
    let part = Math.ceil(kept.length / 2);
    part >= 1;
    part = part === 1 ? 0 : Math.ceil(part / 2)
  ) {
    for (let from = 0; from < kept.length; ) {
      const fewer = [...kept.slice(0, from), ...kept.slice(from + part)];
      if (disagree(fewer, onSelfTrade)) kept = fewer;
      else from += part;
    }
  }
  return kept;
}

function disagree(operations: readonly EngineOperation[], onSelfTrade: SelfTradeAction): boolean {
  const pair = new EnginePair(onSelfTrade);
  return operations.some((operation) => pair.apply(operation, true) !== undefined);
}

/** With their fields in one order, so that equal events make equal texts. */
function sorted(events: readonly object[]): unknown[] {
  return events.map((event) => Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1)));
}
