import { type BatchRecords, lockHeads } from './batch-records.ts';
import type { SettlementNeeds } from './settlement-needs.ts';
import type { SignedBatch, TransactionDesk } from './transaction-desk.ts';

/** What handing batches to the chain is given. */
export interface DispatchNeeds extends Pick<SettlementNeeds, 'db'> {
  readonly records: BatchRecords;
  readonly desk: TransactionDesk;
}

/** Hands kept transactions to the chain and notes that it has them. */
export class BatchDispatch {
  readonly #needs: DispatchNeeds;
  #failure: { readonly error: unknown } | undefined;

  constructor(needs: DispatchNeeds) {
    this.#needs = needs;
  }

  /**
   * While the chain takes batches in, the next are being signed and what was mined is being read: nobody
   * waits for the answer. The chain sorts transactions by their nonces; what fails is found by
   * {@link throwFailure}, and offered again.
   */
  send(batches: readonly SignedBatch[]): void {
    const note = (error: unknown): false => {
      this.#failure ??= { error };
      return false;
    };
    const offers = batches.map(async (batch) =>
      (await this.#offer(batch).catch(note)) ? [batch] : [],
    );
    Promise.all(offers)
      .then((accepted) => this.#noteSubmitted(accepted.flat()))
      .catch(note);
  }

  /** Hands a batch's transaction to the chain, where that is due, and waits for it. */
  async broadcast(batch: SignedBatch): Promise<void> {
    if (await this.#offer(batch)) await this.#noteSubmitted([batch]);
  }

  /** @throws whatever failed of what was sent since it was asked last */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  async #offer({ transactionHash, rawTransaction }: SignedBatch): Promise<boolean> {
    const { desk } = this.#needs;
    if (!desk.isDue(transactionHash)) return false;
    const bytes = rawTransaction ?? (await desk.rawOf(transactionHash));
    return desk.offer(transactionHash, bytes);
  }

  async #noteSubmitted(batches: readonly SignedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    await this.#needs.db.transaction(async (tx) => {
      const sent = new Map(batches.map(({ id, transactionHash }) => [id, transactionHash]));
      for (const now of await lockHeads(tx, [...sent.keys()])) {
        const transactionHash = sent.get(now.id);
        // The follower may have been faster.
        if (transactionHash === undefined || now.transactionHash !== transactionHash) continue;
        if (now.state === 'affirmed' || now.state === 'submitted') {
          this.#needs.records.applyTo(tx, now, { kind: 'broadcast', transactionHash });
        }
      }
    });
  }
}
