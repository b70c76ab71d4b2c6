import { Counter, type Registry } from 'prom-client';
import type { StoreCounts } from './database.ts';

/** Shows what a node asks of its store. */
export function createStoreMetrics(registry: Registry, counts: Readonly<StoreCounts>): void {
  show('stoa_store_statements_total', 'statements', STATEMENTS);
  show('stoa_store_writes_total', 'writes', WRITES);

  function show(name: string, which: keyof StoreCounts, help: string): void {
    new Counter({
      ...{ name, help, registers: [registry] },
      collect() {
        this.reset();
        this.inc(counts[which]);
      },
    });
  }
}

const STATEMENTS = 'Statements asked of the database, begins and ends of transactions among them.';
const WRITES =
  'Pieces in which statements were written to the database; what shares one, shares a trip.';
