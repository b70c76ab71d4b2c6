import type { VenueTerms } from '@stoa/schema';
import {
  decodeOrderMessage,
  decodeSigned,
  encodeOrderMessage,
  encodeSigned,
  isRefusal,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { type OrderSessions, openOrderSessions } from '../sessions/order-session.ts';
import { LinkNetwork } from '../testing/link-network.ts';
import { directoryOf, keyOf, SILENT } from '../testing/test-network.ts';
import { defaultVenueTerms, ownVenueTerms } from './venue-terms-book.ts';
import { VenueTermsExchange } from './venue-terms-exchange.ts';

const directory = directoryOf(['alpha', 'beta']);
const PLAIN = defaultVenueTerms({ allOrNone: false, minQuantity: false });

function terms(version: number, takerPpm = 1_000): VenueTerms {
  const tiers = [{ fromNotional: '0', makerPpm: 0, takerPpm }];
  const calendar = {
    ...{ timeZone: 'America/New_York', weekdays: [1, 2, 3, 4, 5] },
    ...{ entryOpen: '09:00', open: '09:30', close: '16:00', holidays: [], earlyCloses: [] },
  };
  return { ...PLAIN, version, fees: { tiers, minimum: '0.1' }, calendar };
}

let databases: TemporaryDatabases;
let network: LinkNetwork;
const running: { sessions: OrderSessions; store: OpenDatabase }[] = [];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(() => {
  network = new LinkNetwork();
});
afterEach(async () => {
  for (const { sessions, store } of running.splice(0)) {
    await sessions.stop();
    await store.close();
  }
});

async function open(store: OpenDatabase, venue: string, own: VenueTerms) {
  const needs = { database: store.db, directory, logger: SILENT, nowMs: Date.now };
  return VenueTermsExchange.open(venue, own, needs);
}

/** A node with its sessions, over a store of its own or one that was there before. */
async function start(venue: string, own: VenueTerms, url?: string) {
  const store = await openDatabase(url ?? (await databases.empty(venue)));
  const exchange = await open(store, venue, own);
  const sessions = await openOrderSessions(
    { self: venue, tickMs: 10, resendAfterMs: 150 },
    {
      ...{ database: store.db, links: network.links(venue), nodeKey: keyOf(venue), directory },
      ...{ logger: SILENT, metrics: new Registry(), nowMs: Date.now, terms: exchange },
    },
  );
  sessions.start(async () => undefined);
  const node = { exchange, sessions, store };
  running.push(node);
  return node;
}

async function stop(node: { sessions: OrderSessions; store: OpenDatabase }): Promise<void> {
  running.splice(running.indexOf(running.find(({ store }) => store === node.store) ?? node), 1);
  await node.sessions.stop();
  await node.store.close();
}

const refusal = (code: string) => expect.objectContaining({ code });

describe('the terms of venues', () => {
  it('are told on every link, both ways, and prove whose they are', async () => {
    const alpha = await start('alpha', terms(3));
    const beta = await start('beta', PLAIN);
    expect(beta.exchange.of('alpha')).toBeUndefined();
    network.connect('alpha', 'beta');
    await until(() => beta.exchange.of('alpha') !== undefined);
    await until(() => alpha.exchange.of('beta') !== undefined);

    const told = beta.exchange.of('alpha');
    expect(told?.terms).toEqual(terms(3));
    expect(alpha.exchange.of('beta')?.terms).toEqual(PLAIN);
    expect(alpha.exchange.of('alpha')).toEqual({ terms: terms(3), signed: undefined });

    const signed = decodeSigned(told?.signed ?? new Uint8Array(), 65_536);
    if (isRefusal(signed)) throw new Error(signed.message);
    const isAlphas = verifierOf(keyOf('alpha').publicKey)(
      'order',
      signed.payload,
      signed.signature,
    );
    expect(isAlphas).toBe(true);
    expect(decodeOrderMessage(signed.payload)).toMatchObject({
      ...{ from: 'alpha', to: 'beta', number: 0 },
      body: { kind: 'venue-terms', terms: terms(3) },
    });
  });

  it('that were told with numbers of the session give way to the same without them', async () => {
    const url = await databases.empty('beta');
    let beta = await start('beta', PLAIN, url);
    const payload = encodeOrderMessage({
      ...{ version: 1, from: 'alpha', to: 'beta', number: 0, acknowledged: 41 },
      ...{ sentAtMs: Date.now(), body: { kind: 'venue-terms', terms: terms(1) } },
    });
    const signature = keyOf('alpha').sign('order', payload);
    await beta.exchange.take('alpha', terms(1), encodeSigned({ payload, signature }));
    const acknowledged = (): number => {
      const signed = decodeSigned(beta.exchange.of('alpha')?.signed ?? Buffer.of(), 65_536);
      const message = isRefusal(signed) ? signed : decodeOrderMessage(signed.payload);
      return isRefusal(message) ? -1 : message.acknowledged;
    };
    expect(acknowledged()).toBe(41);
    await start('alpha', terms(1));
    network.connect('alpha', 'beta');
    await until(() => acknowledged() === 0);
    await until(async () => {
      const [row] = await beta.store.sql`select signed from venue_terms where venue = 'alpha'`;
      return !row?.['signed'].equals(encodeSigned({ payload, signature }));
    });
    network.cut('alpha', 'beta');
    await stop(beta);
    beta = await start('beta', PLAIN, url);
    expect(beta.exchange.of('alpha')?.terms).toEqual(terms(1));
    expect(acknowledged()).toBe(0);
  });

  it('are known again after a restart, and new ones are heard when their venue restarts', async () => {
    const urls = { alpha: await databases.empty('alpha'), beta: await databases.empty('beta') };
    let alpha = await start('alpha', terms(1), urls.alpha);
    let beta = await start('beta', PLAIN, urls.beta);
    network.connect('alpha', 'beta');
    await until(() => beta.exchange.of('alpha') !== undefined);
    const first = beta.exchange.of('alpha');
    await until(async () => (await recorded(beta.store)).length === 2);

    network.cut('alpha', 'beta');
    await stop(beta);
    beta = await start('beta', PLAIN, urls.beta);
    expect(beta.exchange.of('alpha')?.terms).toEqual(terms(1));
    expect(Buffer.from(beta.exchange.of('alpha')?.signed ?? [])).toEqual(
      Buffer.from(first?.signed ?? []),
    );

    await stop(alpha);
    alpha = await start('alpha', terms(2, 500), urls.alpha);
    network.connect('alpha', 'beta');
    await until(() => beta.exchange.of('alpha')?.terms.version === 2);
    expect(await recorded(beta.store)).toEqual([
      { venue: 'alpha', version: '2' },
      { venue: 'beta', version: '0' },
    ]);
  });

  it('hold by the highest version, and only a venue has any', async () => {
    const store = await openDatabase(await databases.empty('alpha'));
    const exchange = await open(store, 'alpha', PLAIN);
    const bytes = new Uint8Array([1]);
    const versionAfter = async (from: string, told: VenueTerms) => {
      await exchange.take(from, told, bytes);
      return exchange.of(from)?.terms;
    };
    const [two, five] = [terms(2), terms(5)];
    expect(await versionAfter('broker', two)).toBeUndefined();
    expect(await versionAfter('beta', two)).toBe(two);
    expect(await versionAfter('beta', five)).toBe(five);
    expect(await versionAfter('beta', terms(4))).toBe(five);
    expect(await versionAfter('beta', PLAIN)).toBe(five);
    // The same version cannot say two things, and what is the same is the same object.
    expect(await versionAfter('beta', terms(5, 9_999))).toBe(five);
    expect(await versionAfter('beta', terms(5))).toBe(five);
    await store.close();
  });

  it('that nobody gave change with what the venue can do, until terms are given', async () => {
    const store = await openDatabase(await databases.empty('alpha'));
    const exchange = await open(store, 'alpha', PLAIN);
    const bytes = new Uint8Array([1]);
    const able = defaultVenueTerms({ allOrNone: true, minQuantity: true });
    await exchange.take('beta', PLAIN, bytes);
    await exchange.take('beta', able, bytes);
    expect(exchange.of('beta')?.terms).toBe(able);
    expect((await open(store, 'alpha', able)).own).toEqual(able);
    expect((await open(store, 'alpha', PLAIN)).own).toEqual(PLAIN);
    await store.close();
  });

  it('once told are not taken back: a lower version, or other words for the same, stop the start', async () => {
    const store = await openDatabase(await databases.empty('alpha'));
    await open(store, 'alpha', terms(3));
    await open(store, 'alpha', terms(3));
    await expect(open(store, 'alpha', terms(2))).rejects.toEqual(refusal('VENUE_TERMS_OLDER'));
    await expect(open(store, 'alpha', PLAIN)).rejects.toEqual(refusal('VENUE_TERMS_OLDER'));
    await expect(open(store, 'alpha', terms(3, 7))).rejects.toEqual(refusal('VENUE_TERMS_REUSED'));
    expect((await open(store, 'alpha', terms(4, 7))).own.version).toBe(4);
    await store.close();
  });

  it('hold in this process also while the store does not answer', async () => {
    const store = await openDatabase(await databases.empty('alpha'));
    const exchange = await open(store, 'alpha', PLAIN);
    await store.close();
    await exchange.take('beta', terms(1), new Uint8Array([1]));
    expect(exchange.of('beta')?.terms.version).toBe(1);
  });

  it('promise no orders that the venue’s book does not have', () => {
    const book = { allOrNone: false, minQuantity: true };
    expect(ownVenueTerms(undefined, book)).toEqual({ ...PLAIN, minQuantity: true });
    expect(ownVenueTerms({ ...terms(1), minQuantity: true }, book).version).toBe(1);
    expect(() => ownVenueTerms({ ...terms(1), allOrNone: true }, book)).toThrow(
      refusal('VENUE_TERMS_BEYOND_VENUE'),
    );
  });
});

async function recorded(store: OpenDatabase): Promise<{ venue: string; version: string }[]> {
  const rows = await store.sql<{ venue: string; version: string }[]>`
    select venue, version from venue_terms order by venue`;
  return rows.map(({ venue, version }) => ({ venue, version: String(version) }));
}
