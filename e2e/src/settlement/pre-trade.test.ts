import { readDirectory } from '@stoa/contracts';
import {
  createPreTradeChecks,
  type PreTradeChecks,
  type PreTradeQuestion,
} from '@stoa/node/pre-trade';
import type { Instrument } from '@stoa/schema';
import { pino } from 'pino';
import {
  type Abi,
  createClient,
  encodeAbiParameters,
  encodeFunctionData,
  http,
  keccak256,
  parseAbi,
} from 'viem';
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
  checks = checksOf();
});

function checksOf(options: { readonly lookEveryMs?: number } = {}): PreTradeChecks {
  return createPreTradeChecks({
    // What the chain has just done must show in the next answer.
    freshForMs: 0,
    ...options,
    client: createClient({ transport: http(proxy.url, { retryCount: 0 }) }),
    settlement: fixture.network.settlement,
    topicNames: fixture.network.topicNames,
    logger: pino({ level: 'silent' }),
    nowMs: () => nowMs,
  });
}
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

it('asks for what other open orders would need beside what this one needs', async () => {
  const { network } = fixture;
  await write('alice', 'approve', [network.settlement, 14_633_250_000n], true);
  expect(await buy()).toBeUndefined();
  expect(await buy({ promised: 1n })).toMatchObject({ code: 'CASH_ALLOWANCE_TOO_LOW' });
  const question = { instrument, account: network.alice.address, limitPrice: 5_853_300 };
  const most = await checks.settleable({ ...question, side: 'buy', quantity: 25, promised: 1n });
  expect(most.quantity).toBe(24);
  await write('seller', 'approve', [network.settlement, 25n * 10n ** 18n]);
  expect(await sell()).toBeUndefined();
  expect(await sell({ promised: 1n })).toMatchObject({ code: 'ALLOWANCE_TOO_LOW' });
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

const questions = () => proxy.passed.filter((method) => method === 'eth_call').length;

it('asks once, and again when what was asked about changes or five seconds have passed', async () => {
  await Promise.all([buy(), buy(), buy()]);
  expect(questions()).toBe(1);
  await buy({ quantity: 26 });
  expect(questions()).toBe(2);
  // A block that concerns neither the token, its registries nor alice's cash.
  await fixture.client.mine({ blocks: 1 });
  await write('seller', 'approve', [fixture.network.mallory.address, 1n], true);
  expect(await buy()).toBeUndefined();
  expect(questions()).toBe(2);
  nowMs += 5_000;
  await buy();
  expect(questions()).toBe(3);
  await write('alice', 'approve', [fixture.network.settlement, 1n], true);
  expect(await buy()).toMatchObject({ code: 'CASH_ALLOWANCE_TOO_LOW' });
  await write('admin', 'pause');
  expect(await buy()).toMatchObject({ code: 'TOKEN_PAUSED' });
  expect(questions()).toBe(5);
});

it('asks again after a claim was revoked at its issuer', async () => {
  expect(await buy()).toBeUndefined();
  const { trex, alice, admin } = fixture.network;
  const { client } = fixture;
  const identity = await client.readContract({
    address: trex.identityRegistry,
    abi: parseAbi(['function identity(address) view returns (address)']),
    functionName: 'identity',
    args: [alice.address],
  });
  const id = keccak256(
    encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [trex.claimIssuer, 1n]),
  );
  const hash = await client.writeContract({
    account: privateKeyToAccount(admin.privateKey),
    address: trex.claimIssuer,
    abi: parseAbi(['function revokeClaim(bytes32 claimId, address identity) returns (bool)']),
    functionName: 'revokeClaim',
    args: [id, identity],
  });
  await client.waitForTransactionReceipt({ hash });
  expect(await buy()).toMatchObject({ code: 'CLAIM_INVALID' });
});

it('asks everything anew after a reorganization, and after a long pause', async () => {
  // Nobody looks while blocks are being mined: the pause is as long as it is meant to be.
  checks = checksOf({ lookEveryMs: 600_000 });
  await buy();
  await fixture.client.mine({ blocks: 3 });
  await buy();
  expect(questions()).toBe(1);
  await fixture.client.request({
    method: 'anvil_reorg' as never,
    params: [3, []] as never,
  });
  await buy();
  expect(questions()).toBe(2);
  await fixture.client.mine({ blocks: 33 });
  await buy();
  expect(questions()).toBe(3);
});

it('tells the router how much could settle, and why no more', async () => {
  const seller = fixture.network.flowWallets['alpha']?.address ?? '0x';
  const offer = (quantity: number) =>
    checks.settleable({ instrument, side: 'sell', account: seller, quantity });
  expect(await offer(25)).toEqual({ quantity: 25, reasons: [] });
  await write('seller', 'approve', [fixture.network.settlement, 24n * 10n ** 18n]);
  await write('admin', 'freezePartialTokens', [seller, 10n ** 27n - 75n * 10n ** 17n]);
  expect(await offer(25)).toMatchObject({
    quantity: 7,
    refusal: { code: 'BALANCE_TOO_LOW' },
    reasons: [{ code: 'BALANCE_TOO_LOW' }, { code: 'ALLOWANCE_TOO_LOW' }],
  });
  await write('alice', 'approve', [fixture.network.settlement, 14_633_249_999n], true);
  const bid = { instrument, side: 'buy', quantity: 25, limitPrice: 5_853_300 } as const;
  expect(await checks.settleable({ ...bid, account: fixture.network.alice.address })).toMatchObject(
    { quantity: 24, refusal: { code: 'CASH_ALLOWANCE_TOO_LOW' } },
  );
  const { mallory } = fixture.network;
  expect(await checks.settleable({ ...bid, account: mallory.address })).toMatchObject({
    quantity: 0,
    refusal: { code: 'CLAIM_MISSING' },
  });
});

it('tells of each level how much could settle, from one answer until its wallet changes', async () => {
  const seller = fixture.network.flowWallets['alpha']?.address ?? '0x';
  const bids = [
    { price: 5_853_300, quantity: 20 },
    { price: 5_853_200, quantity: 20 },
  ];
  const sold = async (levels = bids) => {
    const asked = { instrument, side: 'sell', account: seller } as const;
    return (await checks.settleableLevels(asked, levels)).map(
      ({ settleableQuantity, refusal }) => `${settleableQuantity} ${refusal?.code ?? 'all'}`,
    );
  };
  expect(await sold()).toEqual(['20 all', '20 all']);
  const questions = () => proxy.passed.filter((method) => method === 'eth_call').length;
  const before = questions();
  // The next book shows a little more: the answer was for more than that.
  expect(await sold([{ price: 5_853_300, quantity: 25 }, ...bids.slice(1)])).toHaveLength(2);
  expect(questions()).toBe(before);
  await write('admin', 'freezePartialTokens', [seller, 10n ** 27n - 275n * 10n ** 17n]);
  expect(await sold()).toEqual(['20 all', '7 BALANCE_TOO_LOW']);
  expect(questions()).toBe(before + 1);
  await write('alice', 'approve', [fixture.network.settlement, 14_633_249_999n], true);
  const bought = await checks.settleableLevels(
    { instrument, side: 'buy', account: fixture.network.alice.address },
    [
      { price: 5_853_300, quantity: 20 },
      { price: 5_853_400, quantity: 20 },
    ],
  );
  expect(bought).toMatchObject([
    { settleableQuantity: 20 },
    { settleableQuantity: 4, refusal: { code: 'CASH_ALLOWANCE_TOO_LOW' } },
  ]);
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
  // Listed under a standard that it does not follow.
  expect(await buy({ instrument: { ...instrument, standard: 'ERC-1400' } })).toMatchObject({
    code: 'CHECK_UNANSWERED',
  });
  const cents = { ...instrument, cashDecimals: 2 };
  expect(await buy({ instrument: cents, limitPrice: 1, quantity: 1 })).toMatchObject({
    code: 'AMOUNT_NOT_EXACT',
  });
});
