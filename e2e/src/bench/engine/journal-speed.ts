import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyOperation, type EngineOperation } from '@stoa/adapters/engine-operation';
import { MatchingEngine } from '@stoa/adapters/matching-engine';
import { OperationJournal } from '@stoa/adapters/operation-journal';
import { quantile, rounded } from '../statistics.ts';
import { deafListener } from './engine-contenders.ts';
import { type FlowOperation, makeEngineFlow } from './engine-flow.ts';

const instrument = 'eip155:1/erc20:0x0000000000000000000000000000000000000001';
/** Clients that each send one operation and wait until it is durable before the next. */
const clients = 2_000;

/**
 * Operations a second that are durable before they are acknowledged, with as many waiting clients as
 * a busy venue has, and how long each waited; then what opening the folder again takes. Fails unless
 * the opened book is the one that was written.
 */
export async function measureJournal({ seed, operations }: { seed: number; operations: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-journal-'));
  try {
    const flow = makeEngineFlow(seed, operations).map(engineOperation);
    const engine = new MatchingEngine(deafListener);
    const { journal } = await OperationJournal.open(folder, new Map([[instrument, engine]]));
    const waits = new Float64Array(operations);
    let next = 0;
    const begun = performance.now();
    const client = async (): Promise<void> => {
      while (next < operations) {
        const at = next;
        next += 1;
        const sent = performance.now();
        const operation = flow[at];
        if (operation === undefined) return;
        journal.append(instrument, operation);
        applyOperation(engine, operation);
        await journal.committed();
        waits[at] = performance.now() - sent;
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    const seconds = (performance.now() - begun) / 1_000;
    await journal.close();
    const again = new MatchingEngine(deafListener);
    const openedAt = performance.now();
    const opened = await OperationJournal.open(folder, new Map([[instrument, again]]));
    const openSeconds = (performance.now() - openedAt) / 1_000;
    await opened.journal.close();
    if (again.digest() !== engine.digest()) throw new Error('the replayed book is another');
    return {
      opsPerSecond: rounded(operations / seconds),
      ...{ operations, clients },
      waitP50Ms: rounded(quantile(waits, 0.5), 2),
      waitP99Ms: rounded(quantile(waits, 0.99), 2),
      replayed: opened.found.replayed,
      replayOpsPerSecond: rounded(opened.found.replayed / openSeconds),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function engineOperation(operation: FlowOperation): EngineOperation {
  if (operation.kind === 'cancel') return { kind: 'cancel', ref: operation.id };
  const { id: ref, side, price, size: quantity } = operation;
  return { kind: 'submit', order: { ref, side, price, quantity, timeInForce: 'gtc' } };
}
