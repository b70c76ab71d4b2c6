import { isImmediate, type MemberId, type OrderMessageBody } from '@stoa/schema';
import { type AnswerOn, isAnswered } from './answer-on.ts';
import { applyOrderEvent } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { NoteStage } from './order-stages.ts';
import { orderIdsOf } from './order-store.ts';

interface Waiting {
  readonly on: AnswerOn;
  readonly answer: (order: StoredOrder) => void;
  /** As it stands for whoever waits: as recorded, and what venues have said since. */
  now: StoredOrder;
}

/** Who waits for what the venues say of an order. */
export class OrderAnswers {
  readonly #stage: NoteStage;
  readonly #waiting = new Map<string, Waiting>();

  constructor(stage: NoteStage) {
    this.#stage = stage;
  }

  /** The order when its venues have said what is waited for, or as it is if they do not. */
  async wait(order: StoredOrder, on: AnswerOn, withinMs: number): Promise<StoredOrder> {
    if (isAnswered(order.state, on)) return order;
    const begunMs = performance.now();
    const { id } = order.state;
    const { promise, resolve } = Promise.withResolvers<StoredOrder>();
    const waiting: Waiting = { on, answer: resolve, now: order };
    const timer = setTimeout(() => resolve(waiting.now), withinMs);
    this.#waiting.set(id, waiting);
    try {
      return await promise;
    } finally {
      this.#stage('answered', begunMs);
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** A commit changed an order. */
  changed(order: StoredOrder): void {
    const waiting = this.#waiting.get(order.state.id);
    if (waiting) note(waiting, order);
  }

  /**
   * A venue's node has said something, which is proven and not recorded here yet. That it has taken a
   * leg is recorded there, and told until it is recorded here as well: whatever crashes, it stays true.
   * So whoever waits for just that is told at once. Nothing else is taken from it.
   *
   * @returns whether its recording can wait for what follows: somebody was answered by it, or waits for
   * what follows on it at once
   */
  heard(from: MemberId, body: OrderMessageBody): boolean {
    if (body.kind !== 'leg-accepted') return false;
    const waiting = this.#waiting.get(orderIdsOf([body.legId])[0] ?? '');
    const { state } = waiting?.now ?? {};
    const leg = state?.legs.find(({ id }) => id === body.legId);
    if (!waiting || !state || leg?.venue !== from) return false;
    if (waiting.on === 'done') return isImmediate(leg);
    const step = applyOrderEvent(state, body, new Set());
    // What would have to be decided is decided when it is recorded.
    if ('ignored' in step || step.effects.length > 0) return false;
    return note(waiting, { ...waiting.now, state: step.state });
  }
}

function note(waiting: Waiting, order: StoredOrder): boolean {
  waiting.now = order;
  const answered = isAnswered(order.state, waiting.on);
  if (answered) waiting.answer(order);
  return answered;
}
