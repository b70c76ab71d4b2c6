import type { Asked } from './venue-http.ts';

/** One sentence of why a request was not answered. */
export function whyNotAsked(asked: Asked | undefined): string {
  if (!asked || asked.kind === 'ok') return 'The venue did not answer.';
  if (asked.kind === 'refused') return `The venue refuses it (${asked.code}): ${asked.message}`;
  return asked.reason;
}
