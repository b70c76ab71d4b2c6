import { expect, it } from 'vitest';
import { DEFAULT_NEGOTIATION_RULES, parseNegotiationRules } from './negotiation-rules.ts';

it('reads rules of negotiation, whatever is left out, and names every mistake', () => {
  expect(parseNegotiationRules({})).toEqual(DEFAULT_NEGOTIATION_RULES);
  expect(DEFAULT_NEGOTIATION_RULES).toMatchObject({ offered: true, discloses: 'nothing' });
  expect(parseNegotiationRules({ offered: false, responders: ['maker'] })).toMatchObject({
    ...{ offered: false, responders: ['maker'], maxOpenQuotes: 1_000 },
  });
  const wrong = { responders: ['No Member'], discloses: 'all', maxOpenQuotes: 0, more: 1 };
  const answer = parseNegotiationRules(wrong);
  expect(answer).toMatchObject({ refused: true, code: 'NEGOTIATION_RULES_INVALID' });
  const { message } = answer as { message: string };
  for (const name of ['responders.0', 'discloses', 'maxOpenQuotes', 'more']) {
    expect(message).toContain(name);
  }
});
