import { readDirectory } from '@stoa/contracts';
import {
  createPreTradeChecks,
  type PreTradeChecks,
  type PreTradeQuestion,
} from '@stoa/node/pre-trade';
import type { Instrument } from '@stoa/schema';
import { pino } from 'pino';
import { type Abi, createClient, encodeFunctionData, http, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type NetworkFixture, startNetworkFixture } from '../chain/network-fixture.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const tokenAbi = parseAbi([
  'function approve(address spender, uint256 amount) returns (bool)',
  'function setAddressFrozen(address wallet, bool freeze)',
  'function freezePartialTokens(address wallet, uint256 amount)',
  'function pause()',
]);

let fixture: NetworkFixture;
let proxy: RpcProxy;
let checks: PreTradeChecks;
let instrument: Instrument;
let nowMs: number;
let snapshot: `0x${string}`;

beforeAll(async () => {
  fixture = await startNetworkFixture();
  proxy = await startRpcProxy(fixture.rpcUrl);
  const [first] = (await readDirectory(fixture.client, fixture.network)).instruments;
  if (!first) throw new Error('no instrument');
  instrument = first;
});
afterAll(async () => {
  await proxy.stop();
  await fixture.stop();
});
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
  nowMs = 1_000_000;
  proxy.fate = () => 'pass';
  proxy.passed.length = 0;
  checks = createPreTradeChecks({
    client: createClient({ transport: http(proxy.url, { retryCount: 0 }) }),
    settlement: fixture.network.settlement,
    topicNames: fixture.network.topicNames,
    logger: pino({ level: 'silent' }),
    nowMs: () => nowMs,
  });
});
afterEach(() => fixture.client.revert({ id: snapshot }));

const buy = (overrides: Partial<PreTradeQuestion> = {}) =>
  checks.checkOrder({
    instrument,
    side: 'buy',
    account: fixture.network.alice.address,
    quantity: 25,
    limitPrice: 5_853_300,
    ...overrides,
  });
const sell = (overrides: Partial<PreTradeQuestion> = {}) => {
  const account = fixture.network.flowWallets['alpha']?.address ?? '0x';
  return buy({ side: 'sell', account, ...overrides });
};

async function write(
  who: 'admin' | 'alice' | 'seller',
  functionName: string,
  args: unknown[] = [],
  cash = false,
) {
  const { network, client } = fixture;
  const wallet = who === 'seller' ? network.flowWallets['alpha'] : network[who];
  const account = privateKeyToAccount(wallet?.privateKey ?? '0x');
  await client.setBalance({ address: account.address, value: 10n ** 20n });
  const address = cash ? network.cashToken : network.token;
  const data = encodeFunctionData({ abi: tokenAbi as Abi, functionName, args });
  const hash = await client.sendTransaction({ account, to: address, data });
  await client.waitForTransactionReceipt({ hash });
}

it('lets through what could settle', async () => {
  expect(await buy()).toBeUndefined();
  expect(await sell()).toBeUndefined();
});

it('refuses a buyer without the claim, names the claim and says what to do', async () => {
  expect(await buy({ account: fixture.network.mallory.address })).toMatchObject({
    refused: true,
    code: 'CLAIM_MISSING',
    message: expect.stringMatching(/has no claim “.+” \(topic 1\)/),
    action: expect.stringContaining('claim issuer'),
  });
});

it('refuses a buyer whom the token does not know', async () => {
  const account = '0x00000000000000000000000000000000000000aa';
  expect(await buy({ account })).toMatchObject({ code: 'IDENTITY_NOT_REGISTERED' });
});

it('asks for the cash of the whole order at its limit', async () => {
  // alice holds 10^18 units of six decimals: at 1,000,000.0000 that pays 1,000,000 shares.
  const whole = { limitPrice: 10_000_000_000, quantity: 1_000_000 };
  expect(await buy(whole)).toBeUndefined();
  expect(await buy({ ...whole, quantity: 1_000_001 })).toMatchObject({ code: 'CASH_TOO_LOW' });
  const market = { limitPrice: undefined, worstPrice: 10_000_000_000 };
  expect(await buy({ ...market, quantity: 1_000_001 })).toMatchObject({ code: 'CASH_TOO_LOW' });
  expect(await buy({ limitPrice: undefined })).toMatchObject({ code: 'CHECK_UNAVAILABLE' });
});

it('refuses a buyer who did not approve the cash', async () => {
  await write('alice', 'approve', [fixture.network.settlement, 14_633_249_999n], true);
  expect(await buy()).toMatchObject({ code: 'CASH_ALLOWANCE_TOO_LOW' });
  expect(await buy({ quantity: 24 })).toBeUndefined();
});

it('asks a seller for free tokens and their approval, and for no claims', async () => {
  expect(await sell({ account: fixture.network.alice.address })).toMatchObject({
    code: 'BALANCE_TOO_LOW',
  });
  await write('seller', 'approve', [fixture.network.settlement, 24n * 10n ** 18n]);
  expect(await sell()).toMatchObject({ code: 'ALLOWANCE_TOO_LOW' });
  const seller = fixture.network.flowWallets['alpha']?.address;
  await write('admin', 'freezePartialTokens', [seller, 10n ** 27n - 1n]);
  expect(await sell()).toMatchObject({
    code: 'BALANCE_TOO_LOW',
    message: expect.stringContaining('are frozen'),
  });
  await write('admin', 'setAddressFrozen', [seller, true]);
  expect(await sell()).toMatchObject({ code: 'WALLET_FROZEN' });
});

it('refuses both sides while the token is paused', async () => {
  await write('admin', 'pause');
  expect(await buy()).toMatchObject({ code: 'TOKEN_PAUSED' });
  expect(await sell()).toMatchObject({ code: 'TOKEN_PAUSED' });
});

it('asks once in a block, and again after the next or half a second', async () => {
  const calls = () => proxy.passed.filter((method) => method === 'eth_call').length;
  await buy();
  const once = calls();
  await Promise.all([buy(), buy(), buy()]);
  expect(calls()).toBe(once);
  await buy({ quantity: 26 });
  const twice = calls();
  expect(twice).toBeGreaterThan(once);
  nowMs += 500;
  await buy();
  expect(calls()).toBeGreaterThan(twice);
  // A block changes the answer at once.
  await write('admin', 'pause');
  expect(await buy()).toMatchObject({ code: 'TOKEN_PAUSED' });
});

it('takes a chain that does not answer for a no, and asks again', async () => {
  proxy.fate = (method) => (method === 'eth_call' ? 'lose-request' : 'pass');
  expect(await buy()).toMatchObject({ code: 'CHECK_UNAVAILABLE' });
  proxy.fate = () => 'lose-request';
  expect(await sell()).toMatchObject({ code: 'CHECK_UNAVAILABLE' });
  proxy.fate = () => 'pass';
  expect(await buy()).toBeUndefined();
});

it('refuses what it cannot check', async () => {
  expect(await buy({ instrument: { ...instrument, standard: 'ERC-1400' } })).toMatchObject({
    code: 'STANDARD_UNSUPPORTED',
  });
  const cents = { ...instrument, cashDecimals: 2 };
  expect(await buy({ instrument: cents, limitPrice: 1, quantity: 1 })).toMatchObject({
    code: 'AMOUNT_NOT_EXACT',
  });
});
