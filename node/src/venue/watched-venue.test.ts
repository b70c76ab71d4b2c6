import type { VenueEvent, VenueOrder } from '@stoa/adapters';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ScriptedVenue } from '../orders/testing/scripted-venue.ts';
import { WatchedVenue } from './watched-venue.ts';

const AN_ORDER = { kind: 'cancel', orderId: 'alpha-1.1.1', instrument: 'any' } as const;

function orderOf(quantity: number): VenueOrder {
  return {
    ...{ orderId: 'alpha-1.1.1', instrument: 'any', side: 'buy', timeInForce: 'ioc', quantity },
    ...{ limitPrice: 1_000, homeVenue: 'alpha', owner: { member: 'broker', account: '0x0b' } },
  };
}

async function watched() {
  const scripted = new ScriptedVenue('alpha');
  const metrics = new Registry();
  let nowMs = 1_000;
  const venue = new WatchedVenue('rest', scripted, {
    ...{ metrics, logger: pino({ enabled: false }), instruments: [] },
    nowMs: () => nowMs,
  });
  const told: VenueEvent[] = [];
  await venue.start({
    sink: { deliver: async (events) => void told.push(...events) },
    ...{ openOrders: [], nextTradeNumber: 1, signal: new AbortController().signal },
  });
  return { scripted, venue, metrics, told, pass: (ms: number) => (nowMs += ms) };
}

describe('a watched venue', () => {
  it('is ready while its link is, and says why it is not', async () => {
    const { scripted, venue, pass } = await watched();
    await scripted.say({ kind: 'link', state: 'ready' });
    expect(venue.readiness()).toEqual([]);
    scripted.link = 'connecting';
    pass(500);
    expect(venue.readiness()).toEqual(['venue: connecting']);
    await scripted.say({ kind: 'link', state: 'connecting', reason: 'The venue answers 401.' });
    pass(500);
    expect(venue.readiness()).toEqual(['venue: connecting: The venue answers 401.']);
    expect(venue.connection()).toEqual({
      ...{ adapter: 'rest', state: 'connecting', sinceMs: 1_500 },
      reason: 'The venue answers 401.',
    });
  });

  it('asks the venue what it lists whenever it comes back', async () => {
    const { scripted, venue, metrics } = await watched();
    await scripted.say({ kind: 'link', state: 'connecting' });
    await scripted.say({ kind: 'link', state: 'ready' });
    await expect
      .poll(() => metrics.metrics())
      .toContain('stoa_venue_listing_checks_total{outcome="same"} 1');
    expect(await venue.listings()).toMatchObject({ outcome: 'same' });
  });

  it('says beforehand of an order what the venue says, and no where that says nothing', async () => {
    const { scripted, venue } = await watched();
    const order = orderOf(100);
    expect(venue.accepts(order)).toBe(false);
    scripted.accepts = ({ quantity }) => quantity === 100;
    expect(venue.accepts(order)).toBe(true);
    expect(venue.accepts(orderOf(50))).toBe(false);
    expect(scripted.requests).toEqual([]);
    Reflect.deleteProperty(scripted, 'accepts');
    expect(venue.accepts(order)).toBe(false);
  });

  it('passes everything on, and counts requests, refusals and unknown outcomes', async () => {
    const { scripted, venue, metrics, told } = await watched();
    expect(await venue.submit(AN_ORDER)).toEqual({ outcome: 'taken' });
    scripted.answer = () => ({ outcome: 'outcome-unknown' });
    await venue.submit(AN_ORDER);
    const rejection = { code: 'VENUE_NOT_READY', message: 'It is not.' };
    scripted.answer = () => ({ outcome: 'refused', rejection });
    await venue.submit(AN_ORDER);
    await scripted.say({ kind: 'rejected', orderId: 'a', rejection });
    expect(told).toEqual([{ kind: 'rejected', orderId: 'a', rejection }]);
    expect(scripted.requests).toHaveLength(3);
    const text = await metrics.metrics();
    for (const line of [
      'stoa_venue_requests_total{kind="cancel",outcome="taken"} 1',
      'stoa_venue_requests_total{kind="cancel",outcome="outcome-unknown"} 1',
      'stoa_venue_refusals_total{kind="cancel",code="VENUE_NOT_READY"} 1',
      'stoa_venue_refusals_total{kind="new",code="VENUE_NOT_READY"} 1',
      'stoa_venue_link_state{state="ready"} 1',
      'stoa_venue_link_state{state="connecting"} 0',
    ]) {
      expect(text).toContain(line);
    }
  });
});
