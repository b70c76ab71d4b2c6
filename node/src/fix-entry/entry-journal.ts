import { z } from 'zod';

/**
 * Requests that are remembered after their orders ended: repeats of older ones are still known by the
 * order's own client order id, in the store.
 */
const MAX_ENDED = 100_000;

const note = z.union([
  z.strictObject({ ids: z.array(z.tuple([z.string(), z.string()])) }),
  z.strictObject({ ended: z.string() }),
  z.strictObject({ dropped: z.string() }),
  z.strictObject({ feed: z.int(), part: z.int() }),
  z.strictObject({ answered: z.int(), begunAtMs: z.number() }),
]);
type Note = z.output<typeof note>;

/** Where the feed of the member's orders stands: the event, and how many of its messages went out. */
export interface FeedPlace {
  readonly feed: number;
  readonly part: number;
}

/**
 * What a member's session remembers beside its messages, in the same records: which ClOrdIDs are
 * its own, how far its orders' events were told, and up to which request it answered. A message and what it
 * means here are durable together, so that neither is said twice or never.
 */
export class EntryJournal {
  /** ClOrdID of every request that was taken → ClOrdID of the NewOrderSingle(D) that its chain began with. */
  readonly #roots = new Map<string, string>();
  /** Roots of orders that ended, oldest first. */
  readonly #ended = new Set<string>();
  #place: FeedPlace | undefined;
  #answered: { readonly answered: number; readonly begunAtMs: number } | undefined;

  /** Takes a note in as it was written. */
  read(bytes: Buffer): void {
    this.#take(note.parse(JSON.parse(bytes.toString('utf8'))));
  }

  /** Undefined before the first event of the first session. */
  get place(): FeedPlace | undefined {
    return this.#place;
  }

  /** The ClOrdID of the order that a request's ClOrdID leads to. */
  rootOf(clientOrderId: string): string | undefined {
    return this.#roots.get(clientOrderId);
  }

  /** Whether an order came over this session. */
  isOwn(clientOrderId: string): boolean {
    return this.#roots.get(clientOrderId) === clientOrderId;
  }

  /** Whether the answer to a message of these numbers went out. */
  isAnswered(seq: number, begunAtMs: number): boolean {
    return this.#answered?.begunAtMs === begunAtMs && seq <= this.#answered.answered;
  }

  /** A request has come, of the chain that begins with `root`. */
  entered(clientOrderId: string, root: string): Buffer {
    return this.#note({ ids: [[clientOrderId, root]] });
  }

  /** An order has ended: its ids need not be kept for ever. */
  ended(root: string): Buffer {
    return this.#note({ ended: root });
  }

  /** The request of this id was refused: nothing goes by it, and it is free again. */
  dropped(clientOrderId: string): Buffer {
    return this.#note({ dropped: clientOrderId });
  }

  told(place: FeedPlace): Buffer {
    return this.#note({ feed: place.feed, part: place.part });
  }

  answered(seq: number, begunAtMs: number): Buffer {
    return this.#note({ answered: seq, begunAtMs });
  }

  /** All of it, for when the file is written anew. */
  snapshot(): Buffer[] {
    const ids = [...this.#roots];
    const notes: Note[] = [];
    for (let first = 0; first < ids.length; first += 1_000) {
      notes.push({ ids: ids.slice(first, first + 1_000) });
    }
    for (const root of this.#ended) notes.push({ ended: root });
    if (this.#place) notes.push({ feed: this.#place.feed, part: this.#place.part });
    if (this.#answered) notes.push(this.#answered);
    return notes.map(bytesOf);
  }

  #note(one: Note): Buffer {
    this.#take(one);
    return bytesOf(one);
  }

  #take(one: Note): void {
    if ('ids' in one) {
      for (const [id, root] of one.ids) this.#roots.set(id, root);
    } else if ('ended' in one) {
      this.#ended.add(one.ended);
      if (this.#ended.size > MAX_ENDED) this.#forget();
    } else if ('dropped' in one) this.#roots.delete(one.dropped);
    else if ('feed' in one) this.#place = one;
    else this.#answered = one;
  }

  /** The tenth of the orders that ended longest ago, at once: it looks at everything. */
  #forget(): void {
    const gone = new Set([...this.#ended].slice(0, MAX_ENDED / 10));
    for (const root of gone) this.#ended.delete(root);
    for (const [id, root] of this.#roots) if (gone.has(root)) this.#roots.delete(id);
  }
}

function bytesOf(one: Note): Buffer {
  return Buffer.from(JSON.stringify(one), 'utf8');
}
