import { invariant } from '@stoa/schema';
import type { RecordedEvent } from '../held-orders.ts';
import type { Decision } from '../route-planner.ts';
import {
  applyOrderEvent,
  type IgnoredCode,
  type OrderEffect,
  type OrderState,
} from './order-state.ts';

/** What an event led to. */
export interface Advance {
  readonly state: OrderState;
  readonly journal: readonly RecordedEvent[];
  /** In the order they happened: the event, and what was decided because of it. */
  readonly decisions: readonly Decision[];
  /** What is left to do: nothing to decide is among it. */
  readonly effects: readonly Exclude<OrderEffect, { kind: 'continue' }>[];
}

/**
 * Applies an event, and then whatever has to be decided because of it, until nothing has. Pure, but
 * for `decide`.
 */
export function advance(
  start: OrderState,
  first: Decision,
  decide: (state: OrderState) => Decision,
): Advance | { readonly ignored: IgnoredCode } {
  const journal: RecordedEvent[] = [];
  const decisions: Decision[] = [];
  const effects: Exclude<OrderEffect, { kind: 'continue' }>[] = [];
  let state = start;
  for (let next: Decision | undefined = first; next; ) {
    const step = applyOrderEvent(state, next.event, new Set());
    if ('ignored' in step) {
      invariant(next === first, 'what follows from an event was ignored', { id: state.id });
      return step;
    }
    state = step.state;
    decisions.push(next);
    journal.push(recorded(next, state));
    next = undefined;
    for (const effect of step.effects) {
      if (effect.kind === 'continue') next = decide(state);
      else effects.push(effect);
    }
  }
  return { state, journal, decisions, effects };
}

function recorded({ event, route }: Decision, after: OrderState): RecordedEvent {
  const { kind, ...data } = event;
  return { kind, data: route ? { ...data, route } : data, after };
}
