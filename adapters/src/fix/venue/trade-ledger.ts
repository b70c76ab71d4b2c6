import type { FixExecution, FixNote } from './fix-order.ts';

/** Of each, the latest are kept; a day of a busy session has fewer. */
const MAX_EXECUTIONS = 50_000;
const MAX_SEEN = 200_000;
const NOTES_A_LIST = 10_000;

/** Executions of a session: which were worked on, under which numbers, and what became of them. */
export class TradeLedger {
  readonly #executions = new Map<string, FixExecution>();
  readonly #numbers = new Map<string, number>();
  /** ExecIDs that were worked on: a repeat under another number or on the drop copy says nothing new. */
  readonly #seen = new Set<string>();
  readonly #onNumbered: (executionId: string, tradeNumber: number) => void;
  #nextTradeNumber = 1;

  /** @param onNumbered A trade got its number, which must survive before the trade is told. */
  constructor(onNumbered: (executionId: string, tradeNumber: number) => void) {
    this.#onNumbered = onNumbered;
  }

  /** Where trade numbers go on: above what the node has, and above what was given and not yet told. */
  beginNumbers(nextTradeNumber: number): void {
    this.#nextTradeNumber = Math.max(nextTradeNumber, this.#nextTradeNumber);
  }

  /** Whether a report is worked on for the first time; from now on it is not. */
  isNew(id: string): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    trim(this.#seen, MAX_SEEN);
    return true;
  }

  get(executionId: string): FixExecution | undefined {
    return this.#executions.get(executionId);
  }

  keep(execution: FixExecution): void {
    this.#executions.set(execution.execution.executionId, execution);
    trim(this.#executions, MAX_EXECUTIONS);
  }

  /** The number of a trade: the one it was given before, or the next. */
  numberOf(executionId: string): number {
    const known = this.#numbers.get(executionId);
    if (known !== undefined) return known;
    const tradeNumber = this.#nextTradeNumber;
    this.numbered(executionId, tradeNumber);
    this.#onNumbered(executionId, tradeNumber);
    return tradeNumber;
  }

  /** A number that was given, as it was noted. */
  numbered(executionId: string, tradeNumber: number): void {
    this.#numbers.set(executionId, tradeNumber);
    this.#nextTradeNumber = Math.max(this.#nextTradeNumber, tradeNumber + 1);
    trim(this.#numbers, MAX_EXECUTIONS * 2);
  }

  /** Everything, as notes that lead to it. */
  snapshot(): FixNote[] {
    const seen = [...this.#seen];
    const notes: FixNote[] = [];
    for (let at = 0; at < seen.length; at += NOTES_A_LIST) {
      notes.push({ note: 'seen', ids: seen.slice(at, at + NOTES_A_LIST) });
    }
    for (const execution of this.#executions.values()) notes.push({ note: 'execution', execution });
    return notes;
  }
}

function trim(kept: Map<string, unknown> | Set<string>, most: number): void {
  if (kept.size <= most) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
