import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningStandIn } from '@stoa/adapters/running-stand-in';
import { MemberClient } from '@stoa/node/testing/fix-member';
import type { Instrument } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askGraphql } from '../harness/graphql-client.ts';
import { type Network, startNetwork } from '../harness/network.ts';
import { freePorts } from '../harness/ports.ts';
import { type BrokerDesk, openBrokerDesk } from './broker-desk.ts';
import { awaitLiveMarket } from './market-ready.ts';
import { eventually } from './scenario-failure.ts';

const VENUE = 'gamma';
const HOME = 'alpha';
const PASSWORD = 'open sesame';

describe('a network with a venue behind REST and WebSocket, and a member that comes over FIX', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-external-'));
  let network: Network;
  let desk: BrokerDesk;
  let standIn: RunningStandIn;
  let fixPort: number;
  let member: MemberClient | undefined;

  beforeAll(async () => {
    network = await startNetwork({
      ...{ baseFolder: `${tmpdir()}/stoa-e2e`, flows: new Map(), flowSpeed: 'max' },
    });
    desk = await openBrokerDesk(network);
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2_048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    writeFileSync(join(folder, 'venue.pem'), privateKey);
    standIn = await RunningStandIn.start({
      ...{ dialect: 'inx-like', instrument: await listedInstrument(), folder, sessions: false },
      ...{ publicKey, limits: [] },
    });
    writeFileSync(
      join(folder, 'venue.json'),
      JSON.stringify({
        kind: 'rest',
        journalFolder: './journal',
        settlement: { clearingAccount: network.chain.flowWallets[VENUE]?.address },
        settings: {
          ...{ mapping: 'inx-like', baseUrl: standIn.url },
          streamUrl: standIn.url.replace('http', 'ws'),
          symbols: { [network.chain.instrument]: 'ACME' },
          ...{ variables: { keyId: 'stoa-key' }, secrets: { privateKey: './venue.pem' } },
        },
      }),
    );
    await network.venues.get(VENUE)?.process.stop();
    await network.restartVenue(VENUE, {
      ...{ STOA_VENUE_ADAPTER_FILE: join(folder, 'venue.json'), STOA_VENUE_JOURNAL_DIR: '' },
    });
    await network.venues.get(HOME)?.process.stop();
    await network.restartVenue(HOME, { STOA_FIX_ENTRY_FILE: await fixEntryFile() });
    await awaitLiveMarket(desk);
  }, 120_000);
  afterAll(async () => {
    member?.kill();
    await network?.stop();
    await standIn?.stop();
    rmSync(folder, { recursive: true });
  });

  async function fixEntryFile(): Promise<string> {
    [fixPort = 0] = await freePorts(1);
    writeFileSync(join(folder, 'password'), PASSWORD);
    const session = {
      ...{ member: 'harbor', compId: 'BROKER', version: 'FIX.4.4', passwordFile: 'password' },
      accounts: { HOUSE: network.chain.alice.address },
    };
    const file = join(folder, 'fix-entry.json');
    writeFileSync(
      file,
      JSON.stringify({ port: fixPort, compId: 'ALPHA', folder: 'sessions', sessions: [session] }),
    );
    return file;
  }

  async function listedInstrument(): Promise<Instrument> {
    const { data } = await askGraphql<{
      instrument: {
        tickSize: string;
        lotSize: string;
        priceDecimals: number;
        quantityDecimals: number;
      };
    }>(network.gateway.graphql, {
      query: `{ instrument(id: "${network.chain.instrument}") {
        tickSize lotSize priceDecimals quantityDecimals } }`,
    });
    if (!data) throw new Error('the instrument is not known');
    const { priceDecimals, quantityDecimals, tickSize, lotSize } = data.instrument;
    return {
      id: network.chain.instrument,
      token: '0x0000000000000000000000000000000000000001',
      ...{ standard: 'ERC-3643', symbol: 'ACME', name: '', isin: '', issuer: '' },
      ...{ tokenDecimals: 18, cashToken: '0x0000000000000000000000000000000000000002' },
      ...{ cashSymbol: '', cashDecimals: 6, priceDecimals, quantityDecimals },
      tickSize: Math.round(Number(tickSize) * 10 ** priceDecimals),
      lotSize: Math.round(Number(lotSize) * 10 ** quantityDecimals),
    };
  }

  it('fills an order of another node’s broker there, and settles it', async () => {
    await standIn.command('enter', { side: 'sell', lots: 5, ticks: 9_000 });
    await eventually('The outside participant’s offer in the consolidated book', async () => {
      const { offers } = await desk.book();
      return offers.some(({ venues }) => venues.some(({ venue }) => venue === VENUE)) || undefined;
    });
    const [best] = (await desk.book()).offers;
    const quantity = best?.venues[0]?.quantity ?? '';
    const placed = await desk.place({
      ...{ clientOrderId: 'external-1', instrument: network.chain.instrument },
      ...{ account: network.chain.alice.address, side: 'BUY', type: 'LIMIT', timeInForce: 'IOC' },
      ...{ quantity, limitPrice: best?.price ?? '' },
    });
    expect(placed).toHaveProperty('order');
    const order = await desk.settledOrder('external-1');
    expect(order).toMatchObject({
      ...{ status: 'FILLED', filled: quantity },
      executions: [{ venue: { id: VENUE }, quantity, price: best?.price }],
      settlements: [{ state: 'SETTLED' }],
    });
  });

  it('takes an order of a member over FIX to it, and settles that too', async () => {
    await standIn.command('enter', { side: 'sell', lots: 5, ticks: 9_000 });
    const best = await eventually('The offer for the member', async () => {
      const { offers } = await desk.book();
      return offers.find(({ venues }) => venues.some(({ venue }) => venue === VENUE));
    });
    const { price } = best;
    const quantity = best.venues[0]?.quantity ?? '';
    member = new MemberClient({ folder, port: fixPort }).start();
    await member.up();
    member.enter('fix-1', { 55: 'ACME', 38: quantity, 44: price, 59: '3' });
    const filled = await member.report({ 11: 'fix-1', 39: '2' });
    expect(filled).toMatchObject({ 150: 'F', 14: quantity, 151: '0' });
    const order = await desk.settledOrder('fix-1');
    expect(order).toMatchObject({
      ...{ id: filled[37], status: 'FILLED', filled: quantity },
      executions: [{ venue: { id: VENUE }, quantity, price }],
      settlements: [{ state: 'SETTLED' }],
    });
    const examiner = await network.tokens.issue({
      ...{ member: HOME, home: HOME, scope: 'records:read' },
    });
    const recorded = await askGraphql(network.venues.get(HOME)?.graphql ?? '', {
      query: `{ auditRecords(first: 1, filter: { field: "FIX.NewOrderSingle" }) {
        edges { node { subject clientId outcome } } } }`,
      token: examiner,
    });
    expect(recorded).toMatchObject({
      data: {
        auditRecords: {
          edges: [{ node: { subject: 'BROKER', clientId: 'fix-1', outcome: 'ACCEPTED' } }],
        },
      },
    });
  });

  it('shows the link of the venue, and withdraws its quotes while it is down', async () => {
    const node = network.venues.get(VENUE);
    const link = async () => {
      const { data } = await askGraphql<{ venues: { id: string; node: { venueLink: unknown } }[] }>(
        network.gateway.graphql,
        { query: '{ venues { id node { venueLink { adapter state } } } }' },
      );
      return data?.venues.find(({ id }) => id === VENUE)?.node.venueLink;
    };
    const ready = async () => (await fetch(`${node?.http}/readyz`)).status;
    expect(await link()).toEqual({ adapter: 'rest', state: 'READY' });
    expect(await ready()).toBe(200);
    await standIn.command('enter', { side: 'sell', lots: 1, ticks: 9_000 });
    const offered = async () => (await desk.book()).offers.length > 0;
    await expect.poll(offered, { timeout: 15_000 }).toBe(true);
    await standIn.command('dropLink');
    await expect.poll(offered, { timeout: 15_000 }).toBe(false);
    expect(await ready()).toBe(503);
    await standIn.command('restoreLink');
    await expect.poll(offered, { timeout: 15_000 }).toBe(true);
    expect(await ready()).toBe(200);
  });
});
