import { isComplete, type OrderState } from './life/order-state.ts';

/** What the answer to a new order waits for, if it waits. */
export type AnswerOn = 'acknowledged' | 'done';

/** Whether every venue that was sent something has said something, or is done with what is immediate. */
export function isAnswered({ legs }: OrderState, on: AnswerOn): boolean {
  if (on === 'acknowledged') return !legs.some(({ status }) => status === 'pending-new');
  return legs.every((leg) =>
    leg.purpose === 'rest' ? leg.status !== 'pending-new' : isComplete(leg),
  );
}
