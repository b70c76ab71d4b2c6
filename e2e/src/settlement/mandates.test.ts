import {
  type Mandate,
  readMandateState,
  type SignedMandate,
  settlementAbi,
  signMandate,
} from '@stoa/contracts';
import { isRefusal } from '@stoa/schema';
import type { Hex } from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  countedAtBeta,
  heldAtBeta,
  restAtBeta,
  restingLegOfGamma,
  settleAgainstGamma,
  takeAtBeta,
} from './orders-at-beta.ts';
import { cash, SettlementWorld, shares } from './settlement-world.ts';
import { deploySigner, messageOf, secondForm } from './signed-mandates.ts';

type Venue = 'alpha' | 'beta' | 'gamma';

let world: SettlementWorld;
let alice: PrivateKeyAccount;
let seller: PrivateKeyAccount;
let nonce = 0n;
beforeAll(async () => {
  world = await SettlementWorld.start();
  const { network } = world.fixture;
  alice = privateKeyToAccount(network.alice.privateKey);
  seller = privateKeyToAccount(network.flowWallets['beta']?.privateKey ?? '0x');
  await restAtBeta(world, { home: 'gamma', id: 'gamma-9', account: seller.address });
}, 60_000);
afterAll(() => world.stop());
beforeEach(() => {
  // One for each test: what one fills, the next does not have to know.
  nonce += 1n;
});
afterEach(() => world.mend());

const domain = () => ({
  chainId: world.fixture.network.chainId,
  settlement: world.fixture.network.settlement,
});

/** Two trades of the world's, at their price or better. */
function mandate(overrides: Partial<Mandate> = {}): Mandate {
  const { network } = world.fixture;
  return {
    ...{ investor: alice.address, side: 'buy', token: network.token, cashToken: network.cashToken },
    ...{ limitAmount: cash, limitQuantity: shares, quantity: 2n * shares },
    ...{ expiry: Math.floor(Date.now() / 1_000) + 3_600, nonce, venues: [] },
    ...overrides,
  };
}

const sales = (overrides: Partial<Mandate> = {}) =>
  mandate({ investor: seller.address, side: 'sell', ...overrides });

async function register(
  venue: Venue,
  signed: SignedMandate,
  from: Partial<ReturnType<typeof domain>> = {},
) {
  const { mandates } = world.nodes[venue].service;
  return mandates.register('harbor', { signed, domain: { ...domain(), ...from } });
}

/** Has the mandate registered; the test is not about that. */
async function give(venue: Venue, account: PrivateKeyAccount, terms: Mandate) {
  const given = await register(venue, await signMandate(account, domain(), terms));
  if (isRefusal(given)) throw new Error(given.message);
  return given.mandate;
}

const revokeAll = async (venue: Venue) => {
  const { mandates } = world.nodes[venue].service;
  for (const { hash, state } of await mandates.list('harbor', 100)) {
    if (state === 'active') await mandates.revoke('harbor', hash);
  }
};
afterEach(async () => {
  await Promise.all([revokeAll('alpha'), revokeAll('beta'), revokeAll('gamma')]);
});

const settle = (trades?: number) => world.settle(trades);

const filled = async (terms: Mandate) =>
  (await readMandateState(world.fixture.client, domain().settlement, terms)).filled;

const declareRequired = (key: Hex, isRequired: boolean) =>
  world.write(key, domain().settlement, settlementAbi, 'requireMandates', [isRequired]);

it('settles within both sides’ mandates, of which the venues tell each other, and counts what they fill', async () => {
  const { network } = world.fixture;
  const sellerKey = network.flowWallets['beta']?.privateKey ?? '0x';
  await declareRequired(network.alice.privateKey, true);
  await declareRequired(sellerKey, true);
  const [bought, sold] = [mandate(), sales()];
  await give('alpha', alice, bought);
  await give('beta', seller, sold);

  const first = await settle();
  await world.untilState(first, 'settled');
  expect(await Promise.all([filled(bought), filled(sold)])).toEqual([shares, shares]);
  // Composed once without the seller's, which only its venue knew, and once with both.
  const batches = await world.nodes.alpha.batches();
  expect(batches.map(({ state, code }) => code ?? state)).toEqual(['MANDATES_ADDED', 'settled']);
  expect(batches[1]?.mandates?.flat()).toMatchObject([{ side: 'buy' }, { side: 'sell' }]);

  const second = await settle();
  await world.untilState(second, 'settled');
  expect(await world.nodes.alpha.batches()).toHaveLength(3);
  const [view] = await world.nodes.beta.service.mandates.list('harbor', 1);
  expect(view).toMatchObject({ used: 2n * shares, state: 'active', withdrawn: false });

  await declareRequired(network.alice.privateKey, false);
  await declareRequired(sellerKey, false);
});

it('settles what a resting order of a third home trades within the mandate that its home holds', async () => {
  const sellerKey = world.fixture.network.flowWallets['beta']?.privateKey ?? '0x';
  await declareRequired(sellerKey, true);
  const sold = sales({ quantity: 9n * shares });
  await give('gamma', seller, sold);
  await until(async () => (await heldAtBeta(world)) === 'active');
  await world.restart('beta');
  const first = await settleAgainstGamma(world);
  await world.untilState(first, 'settled');
  expect(await filled(sold)).toBe(shares);

  // Amended: the same nonce, and what the venue heard first counts no more.
  const amended = { ...sold, quantity: 2n * shares };
  await give('gamma', seller, amended);
  await until(async () => (await countedAtBeta(world)) === `${amended.quantity}`);
  const second = await settleAgainstGamma(world);
  await world.untilState(second, 'settled');
  const [settledUnder] = (await world.nodes.alpha.batches()).slice(-1);
  expect(settledUnder?.mandates?.flat()).toMatchObject([{ quantity: `${2n * shares}` }]);

  await revokeAll('gamma');
  await until(async () => (await heldAtBeta(world)) === 'revoked');
  const third = await settleAgainstGamma(world);
  await world.untilState(third, 'failed');
  expect((await world.settlementOf(third))?.code).toBe('MANDATE_REQUIRED');
  await declareRequired(sellerKey, false);
});

it('takes the word of an order’s own home for its mandates, and no other’s', async () => {
  const { beta } = world.nodes;
  const { mandates } = await holding('gamma');
  await beta.receive('alpha', { kind: 'settlement-mandates-held', mandates });
  // The order that rests is gamma's, and gamma holds none.
  const id = await settleAgainstGamma(world);
  await world.untilState(id, 'settled');
  const [batch] = (await world.nodes.alpha.batches()).slice(-1);
  expect(batch?.mandates).toBeNull();
});

it('settles under both sides’ mandates where both orders have the same home', async () => {
  const { alpha, beta } = world.nodes;
  const sellerKey = world.fixture.network.flowWallets['beta']?.privateKey ?? '0x';
  await declareRequired(sellerKey, true);
  const [bought, sold] = [mandate(), sales()];
  await give('alpha', alice, bought);
  await give('alpha', seller, sold);
  // One of beta's own members has others of the same investors: not for these orders.
  await give('beta', alice, mandate({ quantity: shares }));
  await give('beta', seller, sales({ quantity: shares }));
  await restAtBeta(world, { home: 'alpha', id: 'alpha-99', account: seller.address });
  const trade = world.nextTrade('beta');
  const id = await world.order([trade]);
  const sides = { buyLegId: `${id}.1.1`, sellLegId: 'alpha-99.1.1' };
  await alpha.tamper(`update executions set sell_leg_id = '${sides.sellLegId}'
    where venue = 'beta' and trade_number = ${trade.tradeNumber}`);
  const taken = { home: 'alpha', legId: sides.buyLegId, account: alice.address, side: 'buy' };
  await takeAtBeta(world, taken);
  await beta.recordTrade(trade, sides);
  const known = (await alpha.batches()).length;
  await alpha.service.closeGroup(id);
  await world.untilState(id, 'settled');
  const batches = (await alpha.batches()).slice(known);
  expect(batches.map(({ state }) => state)).toEqual(['settled']);
  expect(batches[0]?.mandates?.flat()).toMatchObject([
    { side: 'buy', quantity: `${2n * shares}` },
    { side: 'sell', quantity: `${2n * shares}` },
  ]);
  await declareRequired(sellerKey, false);
});

it('says what is held of a leg’s account, side and instrument before the leg is sent', async () => {
  await give('gamma', seller, sales());
  const { instrument } = world.fixture.network;
  const leg = { account: seller.address, instrument, side: 'sell' } as const;
  await world.nodes.gamma.transaction(async (tx) => {
    const { mandates } = world.nodes.gamma.service;
    expect(mandates.heldFor(tx, leg)).toMatchObject({ mandates: [{ side: 'sell' }] });
    expect(mandates.heldFor(tx, { ...leg, side: 'buy' })).toBeUndefined();
    expect(mandates.heldFor(tx, { ...leg, account: alice.address })).toBeUndefined();
  });
});

it('says a mandate again that was registered while a leg was under way with the one before', async () => {
  const { beta, gamma } = world.nodes;
  const { instrument } = world.fixture.network;
  const before = sales({ quantity: 9n * shares });
  const after = { ...before, quantity: 2n * shares };
  await give('gamma', seller, before);
  const leg = { account: seller.address, instrument, side: 'sell' } as const;
  const setLeg = (status: string) =>
    gamma.tamper(`update legs set status = '${status}' where id = '${restingLegOfGamma}'`);
  // As whoever registers sees it: not there before its transaction has ended.
  await setLeg('canceled');
  const given = await gamma.transaction(async (tx) => {
    const held = gamma.service.mandates.heldFor(tx, leg);
    const amended = give('gamma', seller, after);
    await until(async () =>
      (await gamma.mandates()).some(
        ({ state, signed }) => state === 'active' && signed.quantity === `${after.quantity}`,
      ),
    );
    await setLeg('new');
    if (held) await beta.receive('gamma', held);
    return { amended };
  });
  await given.amended;
  await until(async () => (await countedAtBeta(world)) === `${after.quantity}`);
});

it('keeps so many mandates of one home, of which those that ended make room', async () => {
  const { beta } = world.nodes;
  const { mandates } = await holding('gamma');
  await beta.tamper(`insert into mandates (source, hash, investor, side, token, cash_token, signed, state,
    registered_at_ms) select 'flooding', '0x' || n, '0x' || n, 'sell', '0x', '0x', '{}', 'active', 1
    from generate_series(1, 10000) n`);
  const kept = async () =>
    (await beta.mandates()).filter(({ source }) => source === 'flooding').map(({ hash }) => hash);
  const body = { kind: 'settlement-mandates-held' as const, mandates };
  await beta.receive('flooding', body);
  expect(new Set(await kept()).has('0x10000')).toBe(true);
  expect((await kept()).some((hash) => hash.length === 66)).toBe(false);

  const [one] = mandates;
  const beyond = { ...one, nonce: (2n ** 256n).toString() } as typeof one & object;
  await beta.receive('flooding', { ...body, mandates: [beyond, ...mandates], ended: ['0x7'] });
  const now = await kept();
  expect(now).toHaveLength(10_000);
  expect(now).not.toContain('0x7');
  expect(now.some((hash) => hash.length === 66)).toBe(true);
  await beta.tamper(`delete from mandates where source = 'flooding'`);
});

it('names a mandate that is used up, and settles when the investor has amended it', async () => {
  const terms = mandate({ quantity: shares });
  await give('alpha', alice, terms);
  const before = await world.balances();
  const order = await settle(2);
  await world.untilState(order, 'failed');
  expect(await world.settlementOf(order)).toMatchObject({
    code: 'MANDATE_QUANTITY_EXCEEDED',
    legs: [{ state: 'failed' }, { state: 'failed' }],
  });
  expect(await world.moved(before)).toEqual(before.map(() => 0n));

  // Beta reads the chain for itself, and signs no trade anew before.
  const statesAtBeta = async () =>
    (await world.nodes.beta.legs()).slice(-2).map((leg) => leg.state);
  await expect.poll(statesAtBeta, { timeout: 10_000 }).toEqual(['failed', 'failed']);

  // The same nonce: what was filled under it stays filled.
  await give('alpha', alice, { ...terms, quantity: 2n * shares });
  const batchId = (await world.settlementOf(order))?.batchId as Hex;
  expect(await world.nodes.alpha.service.retryByOperator(batchId)).toBe('instructed-anew');
  await world.untilState(order, 'settled');
  expect(await filled(terms)).toBe(2n * shares);
});

it('moves nothing for an account that requires mandates and has none, and says so', async () => {
  const { privateKey } = world.fixture.network.alice;
  await declareRequired(privateKey, true);
  const order = await settle();
  await world.untilState(order, 'failed');
  expect((await world.settlementOf(order))?.code).toBe('MANDATE_REQUIRED');
  await declareRequired(privateKey, false);
});

it('does not settle under what expired between trade and settlement', async () => {
  const { client } = world.fixture;
  const { timestamp } = await client.getBlock();
  await give('alpha', alice, mandate({ expiry: Number(timestamp) + 60 }));
  world.proxies.alpha.fate = (method) =>
    method === 'eth_sendRawTransaction' ? 'lose-request' : 'pass';
  const order = await settle();
  await world.untilState(order, 'affirmed');
  await client.increaseTime({ seconds: 120 });
  await client.mine({ blocks: 1 });
  world.mend();
  await world.untilState(order, 'failed', 20_000);
  expect((await world.settlementOf(order))?.code).toBe('MANDATE_EXPIRED');
});

it.each([
  ['WRONG_CHAIN', {}, { chainId: 1 }],
  ['WRONG_DOMAIN', {}, { settlement: `0x${'5e'.repeat(20)}` as const }],
  ['MANDATE_EXPIRED', { expiry: 1 }, {}],
  ['MANDATE_EXPIRY_TOO_FAR', { expiry: 1_900_000_000_000 }, {}],
  ['MANDATE_INVALID', { limitAmount: 0n }, {}],
  ['MANDATE_INVALID', { quantity: 0n }, {}],
  ['MANDATE_INVALID', { venues: ['nowhere'] }, {}],
] as const)('refuses to register a mandate that is %s', async (code, terms, from) => {
  const signed = await signMandate(alice, domain(), mandate(terms));
  expect(await register('alpha', signed, from)).toMatchObject({ code });
});

it('refuses a signature of another key, over other terms, or in its second form', async () => {
  const signed = await signMandate(alice, domain(), mandate());
  const others = await signMandate(seller, domain(), mandate());
  const code = 'INVALID_MANDATE_SIGNATURE';
  expect(await register('alpha', others)).toMatchObject({ code });
  const more = { ...signed.mandate, quantity: 3n * shares };
  expect(await register('alpha', { ...signed, mandate: more })).toMatchObject({ code });
  const malleable = { ...signed, signature: secondForm(signed.signature) };
  expect(await register('alpha', malleable)).toMatchObject({ code: 'MALLEABLE_SIGNATURE' });
});

it('registers once, knows a repeat, and lets the newest for the same count', async () => {
  const signed = await signMandate(alice, domain(), mandate());
  expect(await register('alpha', signed)).toMatchObject({ existed: false });
  expect(await register('alpha', signed)).toMatchObject({ existed: true });
  await give('alpha', alice, mandate({ quantity: 3n * shares }));
  const states = (await world.nodes.alpha.service.mandates.list('harbor', 2)).map(
    ({ state }) => state,
  );
  expect(states).toEqual(['active', 'replaced']);
});

it('asks an investor that is a contract for its word (ERC-1271)', async () => {
  const wallet = await deploySigner(world.fixture.client, alice);
  const terms = mandate({ investor: wallet });
  expect(await register('alpha', await signMandate(alice, domain(), terms))).toMatchObject({
    existed: false,
  });
  const others = await signMandate(seller, domain(), { ...terms, quantity: shares });
  expect(await register('alpha', others)).toMatchObject({ code: 'INVALID_MANDATE_SIGNATURE' });
});

it('takes no mandate that the investor withdrew on chain, and shows one that was withdrawn since', async () => {
  const { privateKey } = world.fixture.network.alice;
  await give('alpha', alice, mandate());
  await world.write(privateKey, domain().settlement, settlementAbi, 'withdrawMandate', [nonce]);
  const [view] = await world.nodes.alpha.service.mandates.list('harbor', 1);
  expect(view).toMatchObject({ withdrawn: true, state: 'active' });
  const again = await signMandate(alice, domain(), mandate({ quantity: shares }));
  expect(await register('alpha', again)).toMatchObject({ code: 'MANDATE_IS_WITHDRAWN' });
});

it('holds orders against the mandate before they go anywhere', async () => {
  const { mandates } = world.nodes.alpha.service;
  const instrument = world.instrument();
  const order = {
    ...{ account: alice.address, instrument, side: 'buy' as const, leaves: 25 },
    ...{ limitPrice: 5_853_300, worstPrice: undefined },
  };
  expect(await mandates.checkOrder(order, 0n)).toBeUndefined();
  await give('alpha', alice, mandate());
  expect(await mandates.checkOrder(order, 0n)).toBeUndefined();
  expect(await mandates.checkOrder(order, shares)).toBeUndefined();
  const codeOf = async (changed: object, open = 0n) =>
    (await mandates.checkOrder({ ...order, ...changed }, open))?.code;
  expect(await codeOf({}, 2n * shares)).toBe('MANDATE_QUANTITY_EXCEEDED');
  expect(await codeOf({ leaves: 75 })).toBe('MANDATE_QUANTITY_EXCEEDED');
  expect(await codeOf({ limitPrice: 5_853_400 })).toBe('MANDATE_PRICE_EXCEEDED');
  // A sale is no purchase, and needs none.
  expect(await codeOf({ side: 'sell' })).toBeUndefined();

  // Two trades that wait for settlement leave nothing of it.
  for (let index = 0; index < 2; index += 1) {
    await world.nodes.alpha.filled(world.nextTrade('gamma'), 'buy');
  }
  expect(await codeOf({ leaves: 25 })).toBe('MANDATE_QUANTITY_EXCEEDED');

  await give('alpha', alice, mandate({ quantity: 10n * shares, venues: ['gamma'] }));
  expect(await codeOf({})).toBe('MANDATE_VENUE_NOT_ALLOWED');
  expect(await codeOf({ directedTo: 'gamma' })).toBeUndefined();

  await revokeAll('alpha');
  const { privateKey } = world.fixture.network.alice;
  expect(await codeOf({})).toBeUndefined();
  await declareRequired(privateKey, true);
  await expect.poll(() => codeOf({}), { timeout: 5_000 }).toBe('MANDATE_REQUIRED');
  await declareRequired(privateKey, false);
});

it('knows after a restart which mandates count', async () => {
  await give('alpha', alice, mandate({ quantity: shares }));
  await world.restart('alpha');
  await world.nodes.alpha.service.load();
  const order = {
    ...{ account: alice.address, instrument: world.instrument(), side: 'buy' as const, leaves: 50 },
    ...{ limitPrice: 5_853_300, worstPrice: undefined },
  };
  const refused = await world.nodes.alpha.service.mandates.checkOrder(order, 0n);
  expect(refused?.code).toBe('MANDATE_QUANTITY_EXCEEDED');
});

it('does not take a venue’s word for mandates of others’ trades', async () => {
  const stranger = await signMandate(
    alice,
    domain(),
    mandate({ investor: `0x${'77'.repeat(20)}` }),
  );
  world.tamper = (from, body) =>
    from === 'beta' && body.kind === 'settlement-affirmed'
      ? {
          kind: 'settlement-mandates',
          batchId: body.batchId,
          mandates: [messageOf(stranger)],
        }
      : body;
  const order = await settle();
  await world.untilState(order, 'failed');
  expect((await world.settlementOf(order))?.code).toBe('MANDATES_DIFFER');
});

it('waits, where a venue gives mandates for every batch that it is asked to sign', async () => {
  const before = (await world.nodes.alpha.batches()).length;
  let signed = 0;
  world.tamper = (from, body) => {
    if (from !== 'beta' || !('batchId' in body)) return body;
    if (body.kind !== 'settlement-affirmed') return body;
    signed += 1;
    const { batchId } = body;
    return { kind: 'settlement-mandates', batchId, mandates: [messageOf(untold)] };
  };
  const untold = await signMandate(seller, domain(), sales());
  const order = await settle();
  await world.untilState(order, 'failed');
  const made = (await world.nodes.alpha.batches()).slice(before);
  expect(made.map(({ code, afterFailure }) => [code, afterFailure])).toEqual([
    ...Array.from({ length: 4 }, () => ['MANDATES_ADDED', 'replaced']),
    ['MANDATES_ADDED', 'retry'],
  ]);
  expect(signed).toBe(5);
});

/** A mandate of the seller as its home would say it, which is registered nowhere. */
async function holding(venue: Venue) {
  const signed = await signMandate(seller, domain(), sales({ venues: [venue] }));
  return { mandates: [messageOf(signed)] };
}

const until = (fact: () => Promise<boolean>) =>
  expect.poll(fact, { timeout: 10_000, interval: 20 }).toBe(true);
