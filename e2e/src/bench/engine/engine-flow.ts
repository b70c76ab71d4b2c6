import { type SeededRandom, seededRandom } from '@stoa/adapters/seeded-random';

const midPrice = 10_000;
const deepestPrice = 500;

/** One operation of the flow. Order ids are texts, as clients give them. */
export type FlowOperation =
  | {
      readonly kind: 'add';
      readonly id: string;
      readonly side: 'buy' | 'sell';
      readonly price: number;
      readonly size: number;
    }
  | { readonly kind: 'cancel'; readonly id: string };

/** A flow of 60 % adds and 40 % cancels, each cancel of an order added before, maybe filled since. */
export function makeEngineFlow(seed: number, operations: number): FlowOperation[] {
  const random: SeededRandom = seededRandom(seed);
  const flow: FlowOperation[] = [];
  const cancellable: string[] = [];
  while (flow.length < operations) {
    if (random.next() < 0.6 || cancellable.length === 0) {
      const side = random.pick(['buy', 'sell'] as const);
      // Densest at the middle, where it crosses at times, and thin over hundreds of prices: long
      // queues at few prices alone would measure no more than how an engine cancels within one.
      const away = Math.floor(random.next() ** 3 * deepestPrice) - 3;
      const price = side === 'buy' ? midPrice - away : midPrice + away;
      const id = `order-${flow.length}`;
      flow.push({ kind: 'add', id, side, price, size: random.between(1, 500) });
      cancellable.push(id);
    } else {
      const at = random.between(0, cancellable.length - 1);
      const id = cancellable[at] ?? '';
      cancellable[at] = cancellable.at(-1) ?? '';
      cancellable.pop();
      flow.push({ kind: 'cancel', id });
    }
  }
  return flow;
}

/**
 * The flow in parts whose ids are read from bytes when the part is asked for, as an id comes from a
 * socket: it was just written to memory, and is another text than the one that the engine keeps.
 */
export function* freshlyRead(
  flow: readonly FlowOperation[],
  partLength: number,
): Generator<FlowOperation[]> {
  for (let from = 0; from < flow.length; from += partLength) {
    const part = flow.slice(from, from + partLength);
    const ids = Buffer.from(part.map(({ id }) => id).join(''), 'latin1');
    let at = 0;
    yield part.map((operation) => {
      const begins = at;
      at += operation.id.length;
      return { ...operation, id: ids.toString('latin1', begins, at) };
    });
  }
}
