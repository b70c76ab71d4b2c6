import {
  decodeOrderMessage,
  decodeSigned,
  encodeFrame,
  encodeOrderMessage,
  encodeSigned,
  type InstrumentId,
  isRefusal,
  payloadHash,
} from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LoggedFrame } from '../market/logged-frame.ts';
import type { VenueEvidence } from '../market/market-view.ts';
import { readReceipt } from '../routing/receipts/receipt-reader.ts';
import { createReceiptStore } from '../routing/receipts/receipt-store.ts';
import { verifyDocument } from '../routing/verification/verify-document.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import { defaultVenueTerms } from './terms/venue-terms-book.ts';
import { LinkNetwork } from './testing/link-network.ts';
import { ScriptedVenue } from './testing/scripted-venue.ts';
import { TestMarket } from './testing/test-market.ts';
import { directoryOf, INSTRUMENT, keyOf, OTHER_WALLET } from './testing/test-network.ts';
import { orderRequest, TestNode } from './testing/test-node.ts';

const VENUES = ['alpha', 'beta'];
const directory = directoryOf(VENUES);

/** A market whose books stand in frames that the venues signed. */
class SignedMarket extends TestMarket {
  override evidence(instrument: InstrumentId = INSTRUMENT.id): VenueEvidence[] {
    return this.book().venues.map(({ venue, firm, validUntilMs, bids, offers }) => {
      const entry = { kind: 'book', instrument, firm, validUntilMs, bids, offers } as const;
      const frame = this.#frame(venue, [entry]);
      return { venue, book: frame, status: undefined, latest: frame };
    });
  }

  #frame(venue: string, entries: LoggedFrame['frame']['entries']): LoggedFrame {
    const head = { version: 1, venue, epoch: 1, sequence: 1, sentAtMs: Date.now() };
    const frame = { ...head, previousHash: new Uint8Array(32), entries };
    const payload = encodeFrame(frame);
    const bytes = encodeSigned({ payload, signature: keyOf(venue).sign('frame', payload) });
    return { frame, bytes, hash: payloadHash(payload) };
  }
}

let databases: TemporaryDatabases;
let network: LinkNetwork;
let market: SignedMarket;
let home: TestNode;
let venue: TestNode;
let own: ScriptedVenue;
let book: ScriptedVenue;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

beforeEach(async () => {
  network = new LinkNetwork();
  market = new SignedMarket(INSTRUMENT.id, VENUES);
  own = new ScriptedVenue('alpha');
  book = new ScriptedVenue('beta');
  const options = { network, market, directory };
  const alpha = { ...options, venue: 'alpha', receipts: receipts() };
  home = await TestNode.open(await databases.empty('alpha'), alpha, own);
  venue = await TestNode.open(await databases.empty('beta'), { ...options, venue: 'beta' }, book);
  network.connect('alpha', 'beta');
});

afterEach(async () => {
  await home.close();
  await venue.close();
});

function receipts() {
  const terms = defaultVenueTerms({ allOrNone: true, minQuantity: true });
  const payload = encodeOrderMessage({
    ...{ version: 1, from: 'beta', to: 'alpha', number: 0, acknowledged: 0 },
    ...{ sentAtMs: Date.now(), body: { kind: 'venue-terms', terms } },
  });
  const signed = encodeSigned({ payload, signature: keyOf('beta').sign('order', payload) });
  return createReceiptStore({
    ...{ home: 'alpha', nodeKey: keyOf('alpha'), directory, staleAfterMs: 3_000 },
    registry: {
      chainId: 31_337,
      memberRegistry: `0x${'a'.repeat(40)}`,
      listingRegistry: `0x${'b'.repeat(40)}`,
    },
    terms: { of: (of) => ({ terms, signed: of === 'beta' ? signed : undefined }) },
    nowMs: () => Date.now(),
  });
}

/** What the receipt of an order comes to, and what was said of it. */
async function verified(orderId: string): Promise<{ outcome: string; said: string[] }> {
  const document = await readReceipt(home.store.db, orderId);
  const { outcome, findings } = verifyDocument(JSON.parse(JSON.stringify(document)));
  const said = findings.map(({ status, subject, text }) => `${status} ${subject}: ${text}`);
  return { outcome, said };
}

/** The order that beta's book got last is filled there, in the venue's trade of that number. */
async function filledAtBeta(entered: number): Promise<void> {
  await until(() => book.entered.length === entered);
  const order = book.entered.at(-1);
  if (!order) throw new Error('no order');
  const { orderId } = order;
  const over = { kind: 'done', orderId, state: 'filled', filled: 100, reason: '' } as const;
  await book.say({ kind: 'accepted', orderId }, book.trade(order, entered, 100), over);
}

/** Every message in an order's receipt, but for times, ids, and trades, which are printed for all to see. */
async function messagesIn(orderId: string): Promise<string[]> {
  const messages = Object.values((await readReceipt(home.store.db, orderId))?.messages ?? {});
  const own = ['sentAtMs', 'placeHash', 'executedAtMs', 'executionId', 'tradeNumber'];
  return messages
    .map((text) => {
      const bytes = Buffer.from(text, 'base64url');
      const signed = decodeSigned(bytes, bytes.length);
      const message = isRefusal(signed) ? signed : decodeOrderMessage(signed.payload);
      if (isRefusal(signed) || isRefusal(message)) throw new Error('no message');
      // Nothing stands beside what was signed.
      expect(bytes).toEqual(Buffer.from(encodeSigned(signed)));
      return JSON.stringify(message, (name, value) => (own.includes(name) ? undefined : value));
    })
    .map((text) => text.replaceAll(orderId, 'ORDER'))
    .toSorted();
}

describe('the receipt of an order', () => {
  it('counts nothing of what other members trade between the same nodes', async () => {
    market.show('beta', { offers: [{ price: 995, quantity: 1_000 }] });
    const one = await home.place({ timeInForce: 'ioc' });
    await filledAtBeta(1);
    for (let other = 2; other <= 4; other += 1) {
      const request = orderRequest({ timeInForce: 'ioc', account: OTHER_WALLET });
      await home.orders.place({ ...home.caller, member: 'other' }, request);
      await filledAtBeta(other);
    }
    const two = await home.place({ timeInForce: 'ioc' });
    await filledAtBeta(5);
    for (const { id } of [one, two]) {
      await until(async () => (await home.order(id)).status === 'filled');
      expect(await verified(id)).toMatchObject({ outcome: 'proven' });
    }
    const messages = await messagesIn(one.id);
    // The terms of both venues, the leg, and the three answers to it.
    expect(messages).toHaveLength(6);
    expect(await messagesIn(two.id)).toEqual(messages);
  });

  it('proves legs on two venues, filled in one round', async () => {
    market.show('alpha', { offers: [{ price: 1_000, quantity: 40 }] });
    market.show('beta', { offers: [{ price: 995, quantity: 60 }] });
    const { id } = await home.place({ timeInForce: 'ioc' });
    await until(() => own.entered.length === 1 && book.entered.length === 1);
    for (const [adapter, quantity] of [
      [own, 40],
      [book, 60],
    ] as const) {
      const [order] = adapter.entered;
      if (!order) throw new Error('no order');
      const { orderId } = order;
      await adapter.say({ kind: 'accepted', orderId }, adapter.trade(order, 1, quantity), {
        kind: 'done',
        orderId,
        state: 'filled',
        filled: quantity,
        reason: '',
      });
    }
    await until(async () => (await home.order(id)).status === 'filled');
    const { outcome, said } = await verified(id);
    expect(said.filter((line) => line.startsWith('failed'))).toEqual([]);
    expect(outcome).toBe('proven');
    expect(said.filter((line) => line.includes('executed at'))).toEqual([
      expect.stringContaining('60 of 60 executed at beta'),
      expect.stringContaining('40 of 40 executed at alpha'),
    ]);
  });

  it('proves a refusal elsewhere, the next round, and what then waits at home', async () => {
    market.show('alpha', { offers: [] });
    market.show('beta', { offers: [{ price: 995, quantity: 60 }] });
    const { id } = await home.place({ timeInForce: 'day' });
    await until(() => book.entered.length === 1);
    const orderId = book.entered[0]?.orderId ?? '';
    const rejection = { code: 'NOT_TODAY', message: 'No.' };
    await book.say({ kind: 'rejected', orderId, rejection });
    await until(() => own.entered.length === 1);
    const resting = own.entered[0]?.orderId ?? '';
    await own.say({ kind: 'accepted', orderId: resting });
    await until(async () => (await home.order(id)).status === 'new');
    const { outcome, said } = await verified(id);
    expect(said.filter((line) => line.startsWith('failed'))).toEqual([]);
    expect(outcome).toBe('proven');
    expect(said).toContain(
      'proven round 2, beta: It was left out as "asked-before", and the evidence bears it out.',
    );
    expect(said.join('\n')).toContain('the venue rejected it (NOT_TODAY)');
    const { revisions } = (await readReceipt(home.store.db, id)) ?? { revisions: [] };
    expect(revisions.map(({ body }) => body.kind)).toEqual([
      'decision',
      'outcome',
      'decision',
      'outcome',
    ]);
  });
});
