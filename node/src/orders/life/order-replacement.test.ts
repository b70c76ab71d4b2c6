import { describe, expect, it } from 'vitest';
import { newState } from '../order-rows.ts';
import {
  accepted,
  done,
  filled,
  replace,
  request,
  sent,
  taken,
} from '../testing/state-matrices.ts';
import { applyOrderEvent, type OrderEvent, type OrderState } from './order-state.ts';

describe('a replacement', () => {
  function after(...events: readonly OrderEvent[]) {
    let state: OrderState = newState('alpha-1', request, undefined);
    let effects: readonly unknown[] = [];
    for (const event of events) {
      const step = applyOrderEvent(state, event, new Set());
      if ('ignored' in step) throw new Error(step.ignored);
      state = step.state;
      effects = step.effects;
    }
    return { state, effects };
  }

  it('asks the venue where something rests, under a number of its own', () => {
    const { effects } = after(sent(), accepted, replace(12_000, 110));
    const pending = { quantity: 12_000, limitPrice: 110 };
    expect(effects).toMatchObject([{ kind: 'replace-leg', leg: { revision: 1, pending } }]);
  });

  it('asks nobody while something is in flight, and routes what is left when it has landed', () => {
    expect(after(taken(), replace(12_000)).effects).toEqual([]);
    const { state, effects } = after(taken(), replace(12_000), filled(6_000, 'a'), done(6_000));
    expect(effects).toContainEqual({ kind: 'continue', leaves: 6_000 });
    expect(state).toMatchObject({ routedFrom: 1, revision: 1 });
  });

  it('takes back first what is to be routed again, and routes it only then', () => {
    const asked = after(sent(), accepted, replace(10_000, 130, true));
    expect(asked.effects).toMatchObject([{ kind: 'cancel-leg', leg: { id: 'leg1' } }]);
    const back = after(sent(), accepted, replace(10_000, 130, true), done(0));
    expect(back.effects).toContainEqual({ kind: 'continue', leaves: 10_000 });
    expect(back.state.limitPrice).toBe(130);
  });

  it('never puts the old and the new quantity at risk together', () => {
    const { state } = after(sent(), accepted, replace(12_000));
    expect(() => applyOrderEvent(state, sent(12_000, 2), new Set())).toThrow('at risk twice');
  });

  it('changes nothing at the venue where nothing changes for the leg', () => {
    expect(after(sent(), accepted, replace(10_000)).state).toMatchObject({
      status: 'new',
      revision: 1,
    });
  });
});
