import { createRequire } from 'node:module';
import {
  cashTokenAbi,
  createPermissionedToken,
  preTradeLensAbi,
  preTradeLensBytecode,
} from '@stoa/contracts';
import {
  hostileContractAbi,
  hostileContractBytecode,
} from '@stoa/contracts/testing/hostile-contract';
import { permissionedTokenSuite } from '@stoa/contracts/testing/permissioned-token-suite';
import { type Abi, maxUint256, numberToHex, parseAbi } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Investor, startTrexFixture, type TrexFixture } from './trex-fixture.ts';

let fixture: TrexFixture;
let seller: Investor;
let buyer: Investor;
let snapshot: `0x${string}`;
const stranger = '0x00000000000000000000000000000000000000aa';
const balance = 100n;

beforeAll(async () => {
  fixture = await startTrexFixture();
  const { trex, mover, cashToken, write } = fixture;
  seller = await fixture.investor();
  buyer = await fixture.investor();
  await trex.mint(seller.address, balance);
  await write(trex.tokenAbi, trex.addresses.token, 'approve', [mover, 1_000n], seller.account);
  await write(cashTokenAbi, cashToken, 'mint', [buyer.address, 50n]);
  await write(cashTokenAbi, cashToken, 'approve', [mover, 50n], buyer.account);
});
afterAll(() => fixture.stop());

permissionedTokenSuite('a stock ERC-3643 token', async () => ({
  ...{ token: fixture.token, balance, stranger, cashToken: fixture.cashToken, cash: 50n },
  ...{ seller: seller.address, buyer: buyer.address },
  move: async ({ from, to, quantity }) => (await fixture.move(from, to, quantity)) !== undefined,
  halt: async () => {
    await fixture.asAgent('pause');
  },
  expel: async (wallet) => {
    const abi = parseAbi(['function deleteIdentity(address wallet)']);
    await fixture.write(abi, fixture.trex.addresses.identityRegistry, 'deleteIdentity', [wallet]);
  },
  lockAllBut: async (free) => {
    await fixture.asAgent('freezePartialTokens', seller.address, balance - free);
  },
  withdrawAuthority: async () => {
    const { token } = fixture.trex.addresses;
    const args = [fixture.mover, 0n];
    await fixture.write(fixture.trex.tokenAbi, token, 'approve', args, seller.account);
  },
  snapshot: async () => {
    const id = await fixture.client.snapshot();
    return () => fixture.client.revert({ id });
  },
}));

const transfer = (quantity = 10n, from = seller.address, to = buyer.address) =>
  fixture.token.canTransfer({ from, to, quantity });

describe('what an ERC-3643 token refuses', () => {
  beforeEach(async () => {
    snapshot = await fixture.client.snapshot();
  });
  afterEach(() => fixture.client.revert({ id: snapshot }));

  it('names the wallet that is frozen, on either side', async () => {
    await fixture.asAgent('setAddressFrozen', seller.address, true);
    expect(await transfer()).toMatchObject({
      code: 'WALLET_FROZEN',
      message: expect.stringContaining(seller.address),
    });
    await fixture.asAgent('setAddressFrozen', seller.address, false);
    await fixture.asAgent('setAddressFrozen', buyer.address, true);
    expect(await transfer()).toMatchObject({
      code: 'WALLET_FROZEN',
      message: expect.stringContaining(buyer.address),
    });
  });

  it('counts only free tokens, and says how many are frozen', async () => {
    await fixture.asAgent('freezePartialTokens', seller.address, 95n);
    expect(await transfer()).toMatchObject({
      code: 'BALANCE_TOO_LOW',
      message: expect.stringContaining('5 free tokens (95 more are frozen)'),
    });
    expect(await fixture.token.getFrozenTokens(seller.address)).toBe(95n);
  });

  it('names a missing claim', async () => {
    const { address } = await fixture.investor(840, false);
    expect(await fixture.token.canReceive(address)).toMatchObject({
      code: 'CLAIM_MISSING',
      message: expect.stringMatching(/“accredited investor” \(topic 7\)/),
    });
    expect(await fixture.token.canReceive(stranger)).toMatchObject({
      code: 'IDENTITY_NOT_REGISTERED',
    });
  });

  it('names a claim that was revoked, or whose issuer is trusted no longer', async () => {
    const { trex, write } = fixture;
    const { claimIssuer, issuersRegistry } = trex.addresses;
    const signature = buyer.registered.claimSignature;
    await write(trex.claimIssuerAbi, claimIssuer, 'revokeClaimBySignature', [signature]);
    expect(await transfer()).toMatchObject({ code: 'CLAIM_INVALID' });
    const abi = parseAbi(['function removeTrustedIssuer(address issuer)']);
    await write(abi, issuersRegistry, 'removeTrustedIssuer', [claimIssuer]);
    expect(await transfer()).toMatchObject({ code: 'CLAIM_MISSING' });
  });

  it('tells when the first claim ends, and refuses a claim that has ended', async () => {
    const until = (await fixture.now()) + 1_000;
    const { address } = await fixture.investor(840, until);
    expect(await fixture.token.canReceive(address)).toMatchObject({
      eligible: true,
      claimsUntil: until,
    });
    await fixture.pass(1_000);
    expect(await fixture.token.canReceive(address)).toMatchObject({
      code: 'CLAIM_EXPIRED',
      message: expect.stringContaining('accredited investor'),
    });
  });

  it('names a compliance module of another author', async () => {
    // The suite's own allow-list of countries, empty: it refuses every receiver.
    const suite = createRequire(import.meta.url)('@tokenysolutions/t-rex') as {
      contracts: Record<'CountryAllowModule' | 'ModuleProxy', { abi: Abi; bytecode: string }>;
    };
    const { CountryAllowModule, ModuleProxy } = suite.contracts;
    const implementation = await fixture.deploy(
      CountryAllowModule.abi,
      CountryAllowModule.bytecode,
    );
    const initialize = '0x8129fc1c';
    const proxy = [implementation, initialize];
    const module = await fixture.deploy(ModuleProxy.abi, ModuleProxy.bytecode, proxy);
    await fixture.bind(module);
    expect(await transfer()).toMatchObject({
      code: 'COMPLIANCE_REFUSED',
      message: expect.stringContaining('CountryAllowModule'),
    });
  });

  it('follows a token to the registry its issuer exchanged', async () => {
    await fixture.asAgent('setIdentityRegistry', fixture.cashToken);
    expect(await transfer()).toMatchObject({ code: 'CHECK_UNANSWERED' });
    await fixture.asAgent('setIdentityRegistry', fixture.trex.addresses.identityRegistry);
    expect(await transfer()).toMatchObject({ eligible: true });
  });

  it('gives every reason at once, and the contracts that could change it', async () => {
    await fixture.asAgent('pause');
    await fixture.asAgent('setAddressFrozen', buyer.address, true);
    const answer = await transfer(2_000n);
    expect(answer).toMatchObject({
      reasons: [
        { code: 'TOKEN_PAUSED' },
        { code: 'WALLET_FROZEN' },
        { code: 'BALANCE_TOO_LOW' },
        { code: 'ALLOWANCE_TOO_LOW' },
      ],
    });
    const { claimIssuer: issuer, ...addresses } = fixture.trex.addresses;
    const expected = [...Object.values(addresses), issuer, buyer.registered.identity];
    expect(answer.contracts).toEqual(
      expect.arrayContaining(expected.map((address) => address.toLowerCase())),
    );
  });
});

describe('the lens', () => {
  const hostile = (behaviour: number) =>
    fixture.deploy(hostileContractAbi, hostileContractBytecode, [behaviour]);
  const question = (token: `0x${string}`, standard = 1) => ({
    ...{ standard, token, partition: numberToHex(0, { size: 32 }), operator: fixture.mover },
    ...{ from: seller.address, to: buyer.address, quantity: 1n },
    ...{ cashToken: token, payer: buyer.address, cash: 1n },
  });

  it('survives every hostile token, and answers for the honest one beside it', async () => {
    const lens = await fixture.deploy(preTradeLensAbi, preTradeLensBytecode);
    const behaviours = [0, 1, 2, 3, 4, 5, 6];
    const tokens: `0x${string}`[] = [];
    for (const behaviour of behaviours) tokens.push(await hostile(behaviour));
    for (const standard of [1, 2]) {
      const answers = await fixture.client.readContract({
        address: lens,
        abi: preTradeLensAbi,
        functionName: 'ask',
        args: [
          [
            ...tokens.map((token) => question(token, standard)),
            { ...question(fixture.trex.addresses.token), cashToken: fixture.cashToken },
          ],
        ],
      });
      for (const answer of answers.slice(0, -1)) {
        expect(answer.failed | answer.unanswered).not.toBe(0);
      }
      expect(answers.at(-1)).toMatchObject({ failed: 0, unanswered: 0 });
    }
  });

  it('answers the same deployed as sent along', async () => {
    const lens = await fixture.deploy(preTradeLensAbi, preTradeLensBytecode);
    const { token } = fixture.trex.addresses;
    const options = { client: fixture.client, token, settlement: fixture.mover };
    const deployed = createPermissionedToken('ERC-3643', { ...options, lens });
    const asked = { from: seller.address, to: buyer.address, quantity: maxUint256 };
    expect(await deployed.canTransfer(asked)).toEqual(
      await createPermissionedToken('ERC-3643', options).canTransfer(asked),
    );
  });

  it('refuses an unknown standard and too many questions', async () => {
    const answer = question(fixture.trex.addresses.token, 9);
    const ask = (questions: readonly ReturnType<typeof question>[]) =>
      fixture.client.readContract({
        code: preTradeLensBytecode,
        abi: preTradeLensAbi,
        functionName: 'ask',
        args: [questions],
      });
    expect((await ask([answer]))[0]?.unanswered).toBe(0x7fff);
    await expect(ask(Array.from({ length: 101 }, () => answer))).rejects.toThrow('TooMany');
  });
});
