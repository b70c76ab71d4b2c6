import type { MemberId } from '@stoa/schema';

export interface DisconnectOptions {
  /** How long a member may be without a stream before its orders end. */
  readonly graceMs: number;
  /** Ends a member's orders; its failure is the caller's to tell. */
  readonly end: (member: MemberId) => void;
}

/** Which members listen to their orders, and for how long those that do not have been away. */
export class Disconnects {
  readonly #options: DisconnectOptions;
  readonly #streams = new Map<MemberId, number>();
  readonly #away = new Map<MemberId, NodeJS.Timeout>();

  constructor(options: DisconnectOptions) {
    this.#options = options;
  }

  opened(member: MemberId): void {
    this.#streams.set(member, (this.#streams.get(member) ?? 0) + 1);
    clearTimeout(this.#away.get(member));
    this.#away.delete(member);
  }

  closed(member: MemberId): void {
    const left = (this.#streams.get(member) ?? 0) - 1;
    if (left > 0) {
      this.#streams.set(member, left);
      return;
    }
    this.#streams.delete(member);
    this.expect(member);
  }

  /** The member has orders that end with its last stream: it must have one soon. */
  expect(member: MemberId): void {
    if (this.#streams.has(member) || this.#away.has(member)) return;
    const timer = setTimeout(() => {
      this.#away.delete(member);
      this.#options.end(member);
    }, this.#options.graceMs);
    this.#away.set(member, timer.unref());
  }

  /** Ends nobody's orders any more: the next start waits for each member anew. */
  stop(): void {
    for (const timer of this.#away.values()) clearTimeout(timer);
    this.#away.clear();
  }
}
