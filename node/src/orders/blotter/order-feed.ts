import type { MemberId, OrderStatus } from '@stoa/schema';
import { and, asc, eq, gt, max } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { orderEvents } from '../../store/tables/order-events.ts';

/** Something that happened to an order of a member. */
export interface OrderFeedEvent {
  readonly orderId: string;
  /** 1, 2, 3 … within the order. */
  readonly orderSequence: number;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of the order, after it. */
  readonly status: OrderStatus;
  /** Of the order, after it, in the instrument's units. */
  readonly filled: number;
  /** Unix milliseconds. */
  readonly atMs: number;
}

/** One step of a feed; without an event it says that there is nothing after `sequence` yet. */
export interface OrderFeedItem {
  readonly sequence: number;
  readonly event?: OrderFeedEvent;
}

/** The events of a node's orders, by member, from any number on. */
export interface OrderFeed {
  /** Number of a member's latest event; 0 where there is none. */
  latest(member: MemberId): Promise<number>;
  /**
   * Every event of a member after number `after`, in order and each once, and then what happens, until
   * the signal. All of it comes from the store, some rows at a time and only when the reader asks for
   * more: a slow reader holds up nobody and costs those few rows.
   */
  follow(member: MemberId, after: number, signal: AbortSignal): AsyncIterable<OrderFeedItem>;
  /** Events of these members were committed. Whoever is not told finds them at the next heartbeat. */
  committed(members: Iterable<MemberId>): void;
}

/** How a feed is read. */
export interface OrderFeedOptions {
  /** Default 10 s. */
  readonly heartbeatMs?: number;
  /** Rows that are read at once; default 64. */
  readonly batch?: number;
}

/** Creates the {@link OrderFeed} of a node's store. */
export function createOrderFeed(
  database: Database,
  { heartbeatMs = 10_000, batch = 64 }: OrderFeedOptions = {},
): OrderFeed {
  const waiting = new Map<MemberId, Set<Bell>>();

  async function* follow(member: MemberId, after: number, signal: AbortSignal) {
    const bell = new Bell();
    const bells = waiting.get(member) ?? new Set();
    waiting.set(member, bells.add(bell));
    const wake = (): void => bell.ring();
    signal.addEventListener('abort', wake);
    let sequence = after;
    try {
      // The first heartbeat says where the reader stands before anything happens.
      for (let idle = true; !signal.aborted; ) {
        // Before the reading: what is committed during it rings again.
        bell.silence();
        const events = await readEvents(database, { member, after: sequence, limit: batch });
        const before = sequence;
        for (const event of events) {
          if (signal.aborted) return;
          // Numbers are dense and appear in order; one that is missing would still be on its way.
          if (event.memberSequence !== sequence + 1) break;
          sequence = event.memberSequence;
          yield { sequence, event };
        }
        if (sequence > before) continue;
        if (idle) yield { sequence };
        idle = !(await bell.rung(heartbeatMs));
      }
    } finally {
      signal.removeEventListener('abort', wake);
      bells.delete(bell);
      if (bells.size === 0) waiting.delete(member);
    }
  }

  return {
    async latest(member) {
      const [row] = await database
        .select({ last: max(orderEvents.memberSequence) })
        .from(orderEvents)
        .where(eq(orderEvents.member, member));
      return row?.last ?? 0;
    },
    follow,
    committed(members) {
      for (const member of members) {
        for (const bell of waiting.get(member) ?? []) bell.ring();
      }
    },
  };
}

function readEvents(
  database: Database,
  from: { readonly member: MemberId; readonly after: number; readonly limit: number },
) {
  return database
    .select({
      memberSequence: orderEvents.memberSequence,
      orderId: orderEvents.orderId,
      orderSequence: orderEvents.sequence,
      kind: orderEvents.kind,
      data: orderEvents.data,
      status: orderEvents.status,
      filled: orderEvents.filled,
      atMs: orderEvents.atMs,
    })
    .from(orderEvents)
    .where(and(eq(orderEvents.member, from.member), gt(orderEvents.memberSequence, from.after)))
    .orderBy(asc(orderEvents.memberSequence))
    .limit(from.limit);
}

/** Rung any number of times, heard once. */
class Bell {
  #isRung = false;
  #hear: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#hear?.();
  }

  silence(): void {
    this.#isRung = false;
  }

  /** Resolves when it rings, at once if it has: true; or false when it did not for so long. */
  async rung(withinMs: number): Promise<boolean> {
    if (this.#isRung) return true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#hear = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hear = undefined;
    return this.#isRung;
  }
}
