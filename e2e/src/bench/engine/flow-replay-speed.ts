import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedVenue, openLobsterFile, replayFlow } from '@stoa/adapters';
import { makeFlow } from '@stoa/adapters/flow-maker';
import type { Instrument } from '@stoa/schema';
import { rounded } from '../statistics.ts';

/** Of ten minutes, which is what a made flow lasts. */
const pacePerMillion = 1_590;

const instrument: Instrument = {
  id: 'eip155:1/erc20:0x0000000000000000000000000000000000000001',
  token: '0x0000000000000000000000000000000000000001',
  standard: 'ERC-3643',
  symbol: 'ACME',
  name: 'Acme',
  isin: '',
  issuer: 'acme',
  tokenDecimals: 18,
  cashToken: '0x0000000000000000000000000000000000000002',
  cashSymbol: 'USDX',
  cashDecimals: 6,
  priceDecimals: 2,
  quantityDecimals: 0,
  tickSize: 1,
  lotSize: 1,
};

/** Makes a file of about so many messages in a folder of its own, and says where. */
export async function writeFlow({ messages, seed }: { messages: number; seed: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-flow-'));
  const pace = (messages / 1_000_000) * pacePerMillion;
  const flow = makeFlow({ seed, priceSeed: 7, offset: 0, pace, halt: false });
  await writeFile(join(folder, 'flow.csv'), flow);
  return { folder };
}

/**
 * Recorded order-flow messages from a file through the whole embedded venue, as fast as its sink
 * takes them: time, and the process's memory at the end. The file is made in another process, whose
 * memory is not the venue's; it goes with this.
 */
export async function measureFlowReplay({ folder }: { folder: string }) {
  try {
    const path = join(folder, 'flow.csv');
    const venue = new EmbeddedVenue({
      venue: 'alpha',
      instruments: [instrument],
      flowOwner: { member: 'alpha', account: `0x${'11'.repeat(20)}` },
      nowMs: Date.now,
    });
    let events = 0;
    const { signal } = new AbortController();
    await venue.start({
      sink: {
        deliver: async (delivered) => {
          events += delivered.length;
        },
      },
      ...{ openOrders: [], nextTradeNumber: 1, signal },
    });
    const begun = performance.now();
    const file = await openLobsterFile(path);
    const target = venue.flowTarget(instrument.id);
    const last = await replayFlow(file.batches(), target, { speed: 'max', signal });
    const seconds = (performance.now() - begun) / 1_000;
    await venue.stop();
    if (!last.done || last.malformed > 0) throw new Error('the flow was not replayed whole');
    return {
      messages: last.messages,
      seconds: rounded(seconds, 2),
      messagesPerSecond: rounded(last.messages / seconds),
      rssMiB: rounded(process.memoryUsage().rss / 2 ** 20),
      events,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
