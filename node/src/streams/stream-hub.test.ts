import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../testing/until.ts';
import { createStreamHub, type StreamResult } from './stream-hub.ts';
import type { StreamEnd, StreamReader } from './stream-reader.ts';
import type { UpdateBatch } from './update-batch.ts';

const OPTIONS = { flushMs: 10, maxBatchBytes: 64 * 1_024, lingerMs: 50 };

/** A source that tells what the test says, and counts what was taken from it. */
class TestSource {
  opened = 0;
  taken = 0;
  ended = 0;
  readonly #queue: StreamResult[] = [];
  #wake: () => void = () => undefined;

  say(...numbers: number[]): void {
    this.#queue.push(...numbers.map((number) => ({ data: { number } })));
    this.#wake();
  }

  readonly open = async (signal: AbortSignal): Promise<AsyncIterable<StreamResult>> => {
    this.opened += 1;
    signal.addEventListener('abort', () => this.#wake());
    return this.#results(signal);
  };

  async *#results(signal: AbortSignal): AsyncGenerator<StreamResult> {
    try {
      while (!signal.aborted) {
        const next = this.#queue.shift();
        if (next) {
          this.taken += 1;
          yield next;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.ended += 1;
    }
  }
}

/** A reader that keeps up or does not, as the test says. */
class TestReader implements StreamReader {
  onReady: () => void = () => undefined;
  keepsUp = true;
  readonly batches: UpdateBatch[] = [];
  ends: StreamEnd[] = [];

  write(batch: UpdateBatch): boolean {
    this.batches.push(batch);
    return this.keepsUp;
  }

  end(end: StreamEnd): void {
    this.ends.push(end);
  }

  get told() {
    return this.batches.flatMap(({ updates }) =>
      updates.map(({ payload }) => JSON.parse(payload) as Told),
    );
  }

  get numbers(): number[] {
    return this.told.map(({ data }) => data.number);
  }
}

interface Told {
  readonly data: { readonly number: number };
  readonly extensions: {
    readonly stream: { readonly id: string; readonly sequence: number; readonly missed?: number };
  };
}

describe('a hub of streams', () => {
  it('executes an operation once and hands the same bytes to all its readers', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const readers = [new TestReader(), new TestReader(), new TestReader()];
    for (const reader of readers) hub.join('book', source.open, reader);
    source.say(1);
    await until(() => readers.every(({ numbers }) => numbers.length === 1));
    expect(source).toMatchObject({ opened: 1, taken: 1 });
    const chunks = readers.map(({ batches }) => batches[0]?.sseChunk);
    expect(chunks[1]).toBe(chunks[0]);
    expect(chunks[2]).toBe(chunks[0]);
    expect(chunks[0]?.toString()).toMatch(
      /^[0-9a-f]+\r\nid: \S+\.1\nevent: next\ndata: .*\n\n\r\n$/,
    );
    hub.join('other', source.open, new TestReader());
    expect(source.opened).toBe(2);
    hub.endAll({});
  });

  it('sends updates that come together in one write, all of them, numbered', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const reader = new TestReader();
    hub.join('book', source.open, reader);
    source.say(1);
    await until(() => reader.batches.length === 1);
    source.say(2, 3, 4);
    await until(() => reader.batches.length === 2);
    expect(reader.numbers).toEqual([1, 2, 3, 4]);
    expect(reader.told.map(({ extensions }) => extensions.stream.sequence)).toEqual([1, 2, 3, 4]);
    hub.endAll({});
  });

  it('gives one who does not keep up the latest when it does again, and others everything', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const [quick, slow] = [new TestReader(), new TestReader()];
    slow.keepsUp = false;
    hub.join('book', source.open, quick);
    hub.join('book', source.open, slow);
    for (let number = 1; number <= 5; number += 1) {
      source.say(number);
      await until(() => quick.numbers.length === number);
    }
    expect(slow.numbers).toEqual([1]);
    slow.keepsUp = true;
    slow.onReady();
    expect(slow.numbers).toEqual([1, 5]);
    expect(slow.told[1]?.extensions.stream.sequence).toBe(5);
    expect(quick.numbers).toEqual([1, 2, 3, 4, 5]);
    hub.endAll({});
  });

  it('takes nothing from its source while nobody keeps up', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const reader = new TestReader();
    reader.keepsUp = false;
    hub.join('book', source.open, reader);
    source.say(1, 2, 3, 4, 5);
    await until(() => reader.numbers.length > 0);
    const taken = source.taken;
    source.say(6, 7, 8, 9);
    await sleep(40);
    // One may have been asked for before.
    expect(source.taken).toBeLessThanOrEqual(taken + 1);
    reader.keepsUp = true;
    reader.onReady();
    await until(() => reader.numbers.at(-1) === 9);
    hub.endAll({});
  });

  it('gives a new reader the latest, once, also while updates wait for their write', async () => {
    const hub = createStreamHub({ ...OPTIONS, flushMs: 200 });
    const source = new TestSource();
    const first = new TestReader();
    hub.join('book', source.open, first);
    source.say(1);
    await until(() => first.numbers.length === 1);
    source.say(2);
    await until(() => source.taken === 2);
    await sleep(1);
    const late = new TestReader();
    hub.join('book', source.open, late);
    source.say(3);
    await until(() => late.numbers.at(-1) === 3 && first.numbers.at(-1) === 3);
    expect(late.numbers).toEqual([2, 3]);
    expect(first.numbers).toEqual([1, 2, 3]);
    hub.endAll({});
  });

  it('tells one who comes back how much it missed, or that this is not known', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const [first, staying] = [new TestReader(), new TestReader()];
    const place = hub.join('book', source.open, first);
    hub.join('book', source.open, staying);
    source.say(1);
    await until(() => first.numbers.length === 1);
    const seen = first.batches[0]?.updates[0]?.id;
    place.leave();
    source.say(2, 3, 4);
    await until(() => staying.numbers.length === 4);
    const again = new TestReader();
    hub.join('book', source.open, again, seen);
    expect(again.told[0]).toMatchObject({
      data: { number: 4 },
      extensions: { stream: { missed: 2 } },
    });
    for (const strange of ['another.3', 'nonsense', `${seen?.split('.')[0]}.99`, '']) {
      const stranger = new TestReader();
      hub.join('book', source.open, stranger, strange);
      expect(stranger.told[0]?.extensions.stream.missed, strange).toBeNull();
    }
    hub.endAll({});
  });

  it('goes on for a while without readers, and then ends its source', async () => {
    const hub = createStreamHub(OPTIONS);
    const source = new TestSource();
    const reader = new TestReader();
    hub.join('book', source.open, reader).leave();
    source.say(1);
    await until(() => source.taken === 1);
    const back = new TestReader();
    const place = hub.join('book', source.open, back);
    expect(source.opened).toBe(1);
    expect(back.numbers).toEqual([1]);
    place.leave();
    await until(() => source.ended === 1);
    expect(hub.topics()).toBe(0);
  });

  it('ends its readers with the source, for the reason there is', async () => {
    const hub = createStreamHub(OPTIONS);
    const [refused, broken, ended] = [new TestReader(), new TestReader(), new TestReader()];
    hub.join('refused', async () => ({ errors: [{ message: 'no such book' }] }), refused);
    hub.join(
      'broken',
      async () => {
        throw new Error('secret');
      },
      broken,
    );
    hub.join('ended', async () => (async function* () {})(), ended);
    await until(() => [refused, broken, ended].every(({ ends }) => ends.length === 1));
    expect(refused.ends).toEqual([{ errors: [{ message: 'no such book' }] }]);
    expect(JSON.stringify(broken.ends)).not.toContain('secret');
    expect(ended.ends).toEqual([{}]);
    expect(hub.topics()).toBe(0);
  });
});
