import { createErc3643Token, type PermissionedToken } from '@stoa/contracts';
import { type Abi, type Address, maxUint256, parseAbi, parseEther, zeroAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type ChainWriter, createChainWriter } from './chain-writer.ts';
import { deployTrexToken, type RegisteredInvestor, type TrexToken } from './deploy-trex.ts';
import { type NetworkFixture, startNetworkFixture } from './network-fixture.ts';

const registryAbi = parseAbi(['function addModule(address module)']);

let fixture: NetworkFixture;
let writer: ChainWriter;
let trex: TrexToken;
let token: PermissionedToken;
let investor: RegisteredInvestor;
let snapshot: `0x${string}`;
const admin = privateKeyToAccount(generatePrivateKey());
const seller = privateKeyToAccount(generatePrivateKey());
const buyer = privateKeyToAccount(generatePrivateKey());
const unclaimed = privateKeyToAccount(generatePrivateKey());
const unknown = privateKeyToAccount(generatePrivateKey());

// A token of this test's own, so that its owner can freeze, pause and revoke.
beforeAll(async () => {
  fixture = await startNetworkFixture();
  for (const { address } of [admin, seller, buyer, unclaimed]) {
    await fixture.client.setBalance({ address, value: parseEther('100') });
  }
  writer = createChainWriter(fixture.client, admin);
  trex = await deployTrexToken({
    writer,
    owner: admin,
    claimSigner: privateKeyToAccount(generatePrivateKey()),
    name: 'Test',
    symbol: 'TST',
    decimals: 0,
    claimTopic: 7n,
  });
  await trex.registerInvestor({ wallet: seller, country: 840, withClaim: true });
  investor = await trex.registerInvestor({ wallet: buyer, country: 840, withClaim: true });
  await trex.registerInvestor({ wallet: unclaimed, country: 840, withClaim: false });
  await trex.mint(seller.address, 100n);
  await write(
    trex.tokenAbi,
    trex.addresses.token,
    'approve',
    [fixture.network.settlement, 90n],
    seller,
  );
  token = createErc3643Token({
    client: fixture.client,
    token: trex.addresses.token,
    settlement: fixture.network.settlement,
    topicNames: { '7': 'accredited investor' },
  });
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
});
afterEach(() => fixture.client.revert({ id: snapshot }));

const write = (
  abi: Abi,
  to: Address,
  functionName: string,
  args: readonly unknown[] = [],
  account = admin,
) => writer.write({ to, abi, functionName, args, account });
const onToken = (functionName: string, ...args: unknown[]) =>
  write(trex.tokenAbi, trex.addresses.token, functionName, args);
const transfer = (quantity = 10n, from: Address = seller.address, to: Address = buyer.address) =>
  token.checkTransfer({ from, to, quantity });

it('accepts a transfer that settlement would make', async () => {
  expect(await transfer()).toEqual({ eligible: true });
  expect(await token.checkHolder(buyer.address)).toEqual({ eligible: true });
  expect(await token.checkTransfer({ to: buyer.address, quantity: maxUint256 })).toEqual({
    eligible: true,
  });
});

it('refuses a paused token', async () => {
  await onToken('pause');
  expect(await transfer()).toMatchObject({ code: 'TOKEN_PAUSED' });
});

it('refuses a frozen wallet on either side, and names it', async () => {
  await onToken('setAddressFrozen', seller.address, true);
  expect(await transfer()).toMatchObject({
    code: 'WALLET_FROZEN',
    message: expect.stringContaining(seller.address),
  });
  expect(await token.checkHolder(seller.address)).toMatchObject({ code: 'WALLET_FROZEN' });
  await onToken('setAddressFrozen', seller.address, false);
  await onToken('setAddressFrozen', buyer.address, true);
  expect(await transfer()).toMatchObject({
    code: 'WALLET_FROZEN',
    message: expect.stringContaining(buyer.address),
  });
});

it('refuses a wallet without an identity', async () => {
  expect(await token.checkHolder(unknown.address)).toMatchObject({
    code: 'IDENTITY_NOT_REGISTERED',
  });
});

it('refuses an identity without the claim, and names the topic', async () => {
  const answer = await token.checkTransfer({ to: unclaimed.address, quantity: 1n });
  expect(answer).toMatchObject({
    code: 'CLAIM_MISSING',
    message: expect.stringContaining('“accredited investor” (topic 7)'),
  });
});

it('refuses a claim that its issuer revoked', async () => {
  await write(trex.claimIssuerAbi, trex.addresses.claimIssuer, 'revokeClaimBySignature', [
    investor.claimSignature,
  ]);
  expect(await token.checkHolder(buyer.address)).toMatchObject({ code: 'CLAIM_INVALID' });
});

it('refuses a claim whose issuer is trusted no longer', async () => {
  const abi = parseAbi(['function removeTrustedIssuer(address issuer)']);
  await write(abi, trex.addresses.issuersRegistry, 'removeTrustedIssuer', [
    trex.addresses.claimIssuer,
  ]);
  expect(await token.checkHolder(buyer.address)).toMatchObject({ code: 'CLAIM_MISSING' });
});

it('counts only free tokens, and says how many are frozen', async () => {
  await onToken('freezePartialTokens', seller.address, 95n);
  expect(await transfer()).toMatchObject({
    code: 'BALANCE_TOO_LOW',
    message: expect.stringContaining('5 free tokens (95 more are frozen)'),
  });
});

it('refuses more than was approved for settlement', async () => {
  expect(await transfer(90n)).toEqual({ eligible: true });
  expect(await transfer(91n)).toMatchObject({ code: 'ALLOWANCE_TOO_LOW' });
});

it('names the compliance module that refuses', async () => {
  // The suite's own allow-list of countries, empty: it refuses every receiver.
  const { createRequire } = await import('node:module');
  const suite = createRequire(import.meta.url)('@tokenysolutions/t-rex') as {
    contracts: Record<'CountryAllowModule' | 'ModuleProxy', { abi: Abi; bytecode: string }>;
  };
  const implementation = await writer.deploy(suite.contracts.CountryAllowModule);
  const initialize = '0x8129fc1c';
  const module = await writer.deploy(suite.contracts.ModuleProxy, [implementation, initialize]);
  await write(registryAbi, trex.addresses.compliance, 'addModule', [module]);
  expect(await transfer()).toMatchObject({
    code: 'COMPLIANCE_REFUSED',
    message: expect.stringContaining('CountryAllowModule'),
  });
});

it('follows a token to the registry its issuer exchanged, and back', async () => {
  expect(await token.checkHolder(buyer.address)).toEqual({ eligible: true });
  await onToken('setIdentityRegistry', fixture.network.trex.identityRegistry);
  expect(await token.checkHolder(buyer.address)).toMatchObject({ code: 'IDENTITY_NOT_REGISTERED' });
  expect(await token.checkHolder(fixture.network.alice.address)).toEqual({ eligible: true });
  await onToken('setIdentityRegistry', trex.addresses.identityRegistry);
  expect(await transfer()).toEqual({ eligible: true });
});

it('refuses cash that is missing or not approved', async () => {
  const { cashToken, settlement, alice } = fixture.network;
  const cash = (owner: Address, amount: bigint, spender: Address = settlement) =>
    token.checkCash({ cashToken, owner, spender, amount });
  expect(await cash(alice.address, 10n ** 18n)).toEqual({ eligible: true });
  expect(await cash(alice.address, 10n ** 18n + 1n)).toMatchObject({ code: 'CASH_TOO_LOW' });
  expect(await cash(alice.address, 1n, admin.address)).toMatchObject({
    code: 'CASH_ALLOWANCE_TOO_LOW',
  });
  expect(await cash(zeroAddress, 1n)).toMatchObject({ code: 'CASH_TOO_LOW' });
});
