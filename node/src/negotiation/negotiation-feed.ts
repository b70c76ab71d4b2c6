import type { MemberId } from '@stoa/schema';

interface Listener {
  readonly member: MemberId;
  readonly ids: Set<string>;
  wake: () => void;
}

/**
 * Tells who listens which of its requests changed. A slow reader costs one set of ids: what changed
 * twice before it looked is told once.
 */
export class NegotiationFeed {
  readonly #listeners = new Set<Listener>();

  /** Something about a request changed that concerns these members; of none given, all. */
  changed(id: string, members?: ReadonlySet<MemberId>): void {
    for (const listener of this.#listeners) {
      if (members && !members.has(listener.member)) continue;
      listener.ids.add(id);
      listener.wake();
    }
  }

  /** The ids that change from now on, until the signal. */
  async *follow(member: MemberId, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const listener: Listener = { member, ids: new Set(), wake: () => undefined };
    this.#listeners.add(listener);
    const ended = (): void => listener.wake();
    signal.addEventListener('abort', ended);
    try {
      while (!signal.aborted) {
        if (listener.ids.size === 0) {
          await new Promise<void>((resolve) => {
            listener.wake = resolve;
          });
          continue;
        }
        const ids = [...listener.ids];
        listener.ids.clear();
        yield ids;
      }
    } finally {
      signal.removeEventListener('abort', ended);
      this.#listeners.delete(listener);
    }
  }
}
