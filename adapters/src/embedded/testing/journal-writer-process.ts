import { EngineEvents } from '../engine-events.ts';
import { applyOperation } from '../engine-operation.ts';
import { OperationJournal } from '../journal/operation-journal.ts';
import { MatchingEngine } from '../matching-engine.ts';
import { randomOperations } from './random-operations.ts';

/** Does random operations at a journal until it is killed; says how many are durable, one a line. */
const [folder = '', instrument = '', seed = ''] = process.argv.slice(2);
const engine = new MatchingEngine(new EngineEvents());
const { journal, found } = await OperationJournal.open(folder, new Map([[instrument, engine]]), {
  operationsASegment: 5_000,
});
const next = randomOperations(Number(seed));
for (let step = 1; ; step += 1) {
  const operation = next(step);
  // The same operations again, up to where the last run came.
  if (step <= found.operations) continue;
  journal.append(instrument, operation);
  applyOperation(engine, operation);
  if (step % 50 !== 0) continue;
  await journal.committed();
  process.stdout.write(`${step}\n`);
}
