import { describe, expect, it } from 'vitest';
import type { RouteInput } from './route.ts';
import { routeInputFromJson, routeInputToJson } from './route-json.ts';
import { route } from './router.ts';
import { instanceOf } from './testing/oracle-check.ts';

/** A value with the members of one path replaced. */
function changed(json: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(json)
    ? [...json]
    : { ...(json as object) };
  const within = copy as Record<string | number, unknown>;
  within[key] = changed(within[key], rest, value);
  return copy;
}

function sample(): RouteInput {
  const input = instanceOf(4);
  const [first] = [...input.venues];
  if (!first) throw new Error('the sample has no venue');
  const [venue, known] = first;
  const cost = { takerPpm: -3, minimum: 2n ** 70n, cap: 5n, fixed: 1n };
  const venues = new Map([...input.venues, [venue, { ...known, cost }] as const]);
  return { ...input, venues, exclusions: new Map([['omega', 'no-order-link']]) };
}

describe('a route input as JSON', () => {
  it('comes back equal from its text, with maps and integers of any size', () => {
    const input = sample();
    const text = JSON.stringify(routeInputToJson(input));
    expect(routeInputFromJson(JSON.parse(text))).toEqual(input);
    for (let seed = 1; seed <= 300; seed += 1) {
      const given = instanceOf(seed);
      const json = routeInputToJson(given);
      const back = routeInputFromJson(JSON.parse(JSON.stringify(json)));
      expect(back, `seed ${seed}`).toEqual(given);
      expect(routeInputToJson(back as RouteInput), `seed ${seed}`).toEqual(json);
    }
  });

  it('makes the same route again', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const given = instanceOf(seed);
      const back = routeInputFromJson(JSON.parse(JSON.stringify(routeInputToJson(given))));
      expect(route(back as RouteInput), `seed ${seed}`).toEqual(route(given));
    }
  });

  it('is the same text whatever order its maps were filled in', () => {
    const input = sample();
    const venues = new Map([...input.venues].toReversed());
    expect(JSON.stringify(routeInputToJson({ ...input, venues }))).toBe(
      JSON.stringify(routeInputToJson(input)),
    );
  });

  it('says nothing of what the router does not read', () => {
    const book = { ...sample().book, version: 3, bids: [{ price: 1, quantity: 1, venues: [] }] };
    expect(routeInputToJson({ ...sample(), book })).toEqual(routeInputToJson(sample()));
  });

  it.each([
    ['no object', [], 'x'],
    ['a stranger’s member', ['hello'], 1],
    ['a member that none of it has', ['book', 'more'], 1],
    ['no lots', ['lotSize'], 0],
    ['a fraction', ['order', 'quantity'], 1.5],
    ['an infinite number', ['nowMs'], Number.POSITIVE_INFINITY],
    ['a quantity beyond what is exact', ['order', 'quantity'], 2 ** 53],
    ['a side of nothing', ['order', 'side'], 'hold'],
    ['levels out of order', ['book', 'venues', 0, 'offers'], [level(3), level(2)]],
    ['two levels of one price', ['book', 'venues', 0, 'bids'], [level(3), level(3)]],
    ['a price of nothing', ['book', 'venues', 0, 'offers'], [level(0)]],
    ['more levels than there can be', ['book', 'venues', 0, 'offers'], manyLevels(101)],
    ['a rate above the notional', ['venues', 0, 1, 'cost', 'takerPpm'], 1_000_001],
    ['a negative amount', ['venues', 0, 1, 'cost', 'fixed'], '-1'],
    ['a number in place of digits', ['venues', 0, 1, 'cost', 'fixed'], 1],
    ['an amount of a thousand digits', ['venues', 0, 1, 'cost', 'minimum'], '9'.repeat(1_000)],
    ['a venue that is no id', ['home'], '__proto__'],
  ])('is refused with %s', (_what, path, value) => {
    const json = changed(routeInputToJson(sample()), path, value);
    expect(routeInputFromJson(json)).toMatchObject({ refused: true, code: 'ROUTE_INPUT_INVALID' });
  });

  it('is refused with a venue that stands twice', () => {
    const json = routeInputToJson(sample());
    const { venues } = (json as { book: { venues: unknown[] } }).book;
    const twice = changed(json, ['book', 'venues'], [...venues, venues[0]]);
    expect(routeInputFromJson(twice)).toMatchObject({ refused: true });
  });
});

function level(price: number) {
  return { price, quantity: 1 };
}

function manyLevels(count: number) {
  return Array.from({ length: count }, (_, index) => level(index + 1));
}
