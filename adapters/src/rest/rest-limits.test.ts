import { describe, expect, it } from 'vitest';
import { RequestGate } from './request-gate.ts';

describe('the gate of a venue with limits', () => {
  it('lets no more through in any window than the venue takes, orders before questions', async () => {
    const windowMs = 60;
    const gate = new RequestGate({ limits: [{ requests: 3, perMs: windowMs }], serial: false });
    const passed: { readonly what: string; readonly at: number }[] = [];
    const ask = (what: string, urgent: boolean) =>
      gate.pass(urgent, async () => void passed.push({ what, at: performance.now() }));
    const questions = Array.from({ length: 8 }, () => ask('question', false));
    await Promise.all([...questions, ask('order', true)]);
    expect(passed.slice(0, 4).map(({ what }) => what)).toContain('order');
    for (const [index, { at }] of passed.entries()) {
      const later = passed[index + 3];
      if (later) expect(later.at - at).toBeGreaterThanOrEqual(windowMs);
    }
  });

  it('sends one at a time where the venue wants that, and nothing during a pause', async () => {
    const gate = new RequestGate({ limits: [], serial: true });
    let under = 0;
    let most = 0;
    const request = async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setTimeout(resolve, 5));
      under -= 1;
    };
    await Promise.all([1, 2, 3].map(() => gate.pass(false, request)));
    expect(most).toBe(1);
    gate.pause(40);
    const before = performance.now();
    await gate.pass(true, request);
    expect(performance.now() - before).toBeGreaterThanOrEqual(40);
  });
});
