import { type Refusal, refuse } from '@stoa/schema';
import type { IgnoredCode } from './life/order-state.ts';

/** What the store knew better than this process when the replacement came to it. */
export function notReplaced(code: IgnoredCode): Refusal {
  switch (code) {
    case 'CANCEL_PENDING':
      return refuse(
        code,
        'The order is being canceled.',
        'Send another order when it is canceled.',
      );
    case 'REPLACE_PENDING':
      return refuse(code, 'Too many replacements wait for an answer.', 'Wait for the venues.');
    case 'REPLACE_BELOW_FILLED': {
      const message = 'The new quantity is below what was executed.';
      return refuse(code, message, 'Cancel the order, or send a higher quantity.');
    }
    default: {
      const message = 'The order is done: nothing is left to replace.';
      return refuse('ORDER_DONE', message, 'Look at the order for what became of it.');
    }
  }
}
