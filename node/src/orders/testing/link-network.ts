import type { MemberId } from '@stoa/schema';
import type { OrderLinks } from '../../network/order-links.ts';

type MessageHandler = (member: MemberId, bytes: Uint8Array) => Promise<void>;

interface End {
  readonly inbox: { from: MemberId; bytes: Uint8Array }[];
  onMessage: MessageHandler | undefined;
  onLink: ((member: MemberId, up: boolean) => void) | undefined;
  draining: boolean;
  readonly linked: Set<MemberId>;
}

/**
 * What becomes of a message on its way: that many copies, `late` ones after the next message, `doubly`
 * over two links at the same time.
 */
export type Fate = 'pass' | 'drop' | 'twice' | 'late' | 'doubly';

/** Order links between nodes of one process, which can be cut, and lose, repeat and reorder. */
export class LinkNetwork {
  readonly #ends = new Map<MemberId, End>();
  readonly #late: { to: MemberId; from: MemberId; bytes: Uint8Array }[] = [];
  /** Decides each message's fate. */
  fate: (from: MemberId, to: MemberId, bytes: Uint8Array) => Fate = () => 'pass';
  sent = 0;

  /** The links of a node; asking again takes the place of the one before, as a restart does. */
  links(member: MemberId): OrderLinks {
    const end: End = {
      inbox: [],
      onMessage: undefined,
      onLink: undefined,
      draining: false,
      linked: this.#ends.get(member)?.linked ?? new Set(),
    };
    this.#ends.set(member, end);
    return {
      send: (to, bytes) => end === this.#ends.get(member) && this.#send(member, to, bytes),
      connected: () => [...end.linked],
      onMessage: (handler) => {
        end.onMessage = handler;
        void this.#drain(end);
      },
      onLink: (handler) => {
        end.onLink = handler;
      },
    };
  }

  connect(a: MemberId, b: MemberId): void {
    this.#link(a, b, true);
    this.#link(b, a, true);
  }

  /** Ends the link; what was on its way is lost. */
  cut(a: MemberId, b: MemberId): void {
    for (const [at, of] of [
      [a, b],
      [b, a],
    ] as const) {
      const inbox = this.#ends.get(at)?.inbox ?? [];
      inbox.splice(0, inbox.length, ...inbox.filter(({ from }) => from !== of));
      this.#link(at, of, false);
    }
  }

  /** Puts bytes of anybody's making on a link. */
  inject(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    this.#arrive(to, from, bytes);
  }

  #link(at: MemberId, of: MemberId, up: boolean): void {
    const end = this.#ends.get(at);
    if (!end) return;
    if (up) end.linked.add(of);
    else end.linked.delete(of);
    end.onLink?.(of, up);
  }

  #send(from: MemberId, to: MemberId, bytes: Uint8Array): boolean {
    if (!this.#ends.get(from)?.linked.has(to)) return false;
    this.sent += 1;
    const fate = this.fate(from, to, bytes);
    if (fate === 'late') {
      this.#late.push({ from, to, bytes });
      return true;
    }
    if (fate !== 'drop') this.#arrive(to, from, bytes);
    if (fate === 'twice') this.#arrive(to, from, bytes);
    const { onMessage } = this.#ends.get(to) ?? {};
    if (fate === 'doubly') setImmediate(() => onMessage?.(from, Uint8Array.from(bytes)));
    for (const waiting of this.#late.splice(0)) {
      this.#arrive(waiting.to, waiting.from, waiting.bytes);
    }
    return true;
  }

  #arrive(to: MemberId, from: MemberId, bytes: Uint8Array): void {
    const end = this.#ends.get(to);
    if (!end?.linked.has(from)) return;
    end.inbox.push({ from, bytes: Uint8Array.from(bytes) });
    void this.#drain(end);
  }

  async #drain(end: End): Promise<void> {
    if (end.draining || !end.onMessage) return;
    end.draining = true;
    // Never within the sender's own call: a network is not a function call.
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = end.inbox.shift(); next; next = end.inbox.shift()) {
      await end.onMessage(next.from, next.bytes);
    }
    end.draining = false;
  }
}
