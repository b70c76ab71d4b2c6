import type { MemberId } from '@stoa/schema';
import type { LegWatch } from './after-commit.ts';

/** A leg whose venue has not answered, and until when it should. */
export interface WatchedLeg extends LegWatch {
  readonly legId: string;
}

/** Legs that wait for an answer. A restart asks about all of them anyway: nothing of this is kept. */
export class LegWatches {
  readonly #legs = new Map<string, LegWatch & { readonly dueMs: number }>();

  /** Watches a leg until then; without a watch, no more. */
  set(legId: string, watch: LegWatch | undefined, dueMs: number): void {
    if (watch) this.#legs.set(legId, { ...watch, dueMs });
    else this.#legs.delete(legId);
  }

  /** Takes out the legs that should have been answered. */
  takeOverdue(nowMs: number): WatchedLeg[] {
    return this.#take(({ dueMs }) => dueMs <= nowMs);
  }

  /** Takes out the legs at this venue. */
  takeAt(venue: MemberId): WatchedLeg[] {
    return this.#take((watch) => watch.venue === venue);
  }

  #take(isTaken: (watch: LegWatch & { readonly dueMs: number }) => boolean): WatchedLeg[] {
    const taken: WatchedLeg[] = [];
    for (const [legId, watch] of this.#legs) {
      if (!isTaken(watch)) continue;
      this.#legs.delete(legId);
      taken.push({ legId, orderId: watch.orderId, venue: watch.venue });
    }
    return taken;
  }
}
