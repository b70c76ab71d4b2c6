import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RecordingSink } from '../conformance/recording-sink.ts';
import { EmbeddedVenue } from '../embedded/embedded-venue.ts';
import { TEST_INSTRUMENT } from '../testing/test-instrument.ts';
import { makeFlow, SHIPPED_FLOWS } from './flow-maker.ts';
import { replayFlow } from './flow-replay.ts';
import { openLobsterFile } from './lobster-reader.ts';

const INSTRUMENT = { ...TEST_INSTRUMENT, tickSize: 1, lotSize: 1 };

describe.each(Object.entries(SHIPPED_FLOWS))('the shipped order flow of %s', (venue, recipe) => {
  const path = fileURLToPath(new URL(`../../flow/${venue}.csv`, import.meta.url));

  it('is exactly what the script makes', async () => {
    expect((await readFile(path, 'utf8')) === makeFlow(recipe)).toBe(true);
  });

  it('leaves a deep, uncrossed, trading book around 100.00, every message true', async () => {
    const signal = new AbortController().signal;
    const sink = new RecordingSink();
    const adapter = new EmbeddedVenue({
      venue,
      instruments: [INSTRUMENT],
      flowOwner: { member: venue, account: '0x000000000000000000000000000000000000f10e' },
      nowMs: Date.now,
    });
    await adapter.start({ sink, openOrders: [], nextTradeNumber: 1, signal });
    const file = await openLobsterFile(path);
    const progress = await replayFlow(file.batches(), adapter.flowTarget(INSTRUMENT.id), {
      speed: 'max',
      signal,
    });
    await adapter.stop();
    expect(progress).toMatchObject({
      malformed: 0,
      refused: 0,
      gone: 0,
      timeReversals: 0,
      done: true,
    });
    expect(progress.messages).toBeGreaterThan(3_000);
    expect(progress.messages).toBeLessThan(5_000);
    expect(progress.olderThanFile).toBeGreaterThan(5);
    const book = sink.of('book').at(-1);
    expect(book?.bids).toHaveLength(10);
    expect(book?.offers).toHaveLength(10);
    const bid = book?.bids[0]?.price ?? 0;
    const offer = book?.offers[0]?.price ?? 0;
    expect(bid).toBeLessThan(offer);
    expect(Math.abs((bid + offer) / 2 - 10_000)).toBeLessThan(10);
    expect(sink.of('trading-status').at(-1)?.state).toBe('trading');
    // Between recorded participants only: nothing to settle.
    expect(sink.of('executed')).toEqual([]);
    expect(sink.of('print').length).toBeGreaterThan(300);
  });
});
