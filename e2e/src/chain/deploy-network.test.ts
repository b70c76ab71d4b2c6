import { maxLegsPerBatch, readDirectory } from '@stoa/contracts';
import { isIsin } from '@stoa/schema';
import { parseAbi, parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoInstrument } from './deploy-network.ts';
import { type NetworkFixture, startNetworkFixture } from './network-fixture.ts';

const venues = ['alpha', 'beta', 'gamma'] as const;
const tokenAbi = parseAbi([
  'function approve(address spender, uint256 amount) returns (bool)',
  'function setAddressFrozen(address wallet, bool freeze)',
  'function pause()',
]);

let fixture: NetworkFixture;
let snapshot: `0x${string}`;

beforeAll(async () => {
  fixture = await startNetworkFixture();
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
});
afterEach(() => fixture.client.revert({ id: snapshot }));

/** Every token and cash balance of the three sellers and of alice. */
async function allBalances(): Promise<bigint[]> {
  const { network } = fixture;
  const owners = [...Object.values(network.flowWallets), network.alice].map((w) => w.address);
  return Promise.all(
    [network.token, network.cashToken].flatMap((token) =>
      owners.map((owner) => fixture.balance(token, owner)),
    ),
  );
}

describe('the deployed network', () => {
  it('is what the registry reader reads', async () => {
    const { network, client } = fixture;
    const directory = await readDirectory(client, network);
    expect(directory.members.map(({ id, kind, status }) => `${id} ${kind} ${status}`)).toEqual([
      'alpha venue active',
      'beta venue active',
      'gamma venue active',
      'harbor broker active',
      'acme issuer active',
      'gateway observer active',
    ]);
    expect(directory.members.every((member) => member.nodeKeys.length === 1)).toBe(true);
    expect(directory.instruments).toMatchObject([
      {
        id: network.instrument,
        standard: 'ERC-3643',
        symbol: 'ACME',
        issuer: 'acme',
        tokenDecimals: 18,
        cashSymbol: 'DUSD',
        cashDecimals: 6,
        priceDecimals: 4,
        quantityDecimals: 0,
        tickSize: 100,
        lotSize: 1,
      },
    ]);
    expect(directory.listings.map(({ venue, status }) => `${venue} ${status}`)).toEqual([
      'alpha listed',
      'beta listed',
      'gamma listed',
    ]);
    expect(isIsin(demoInstrument.isin)).toBe(true);
    expect(fixture.progress.length).toBeGreaterThan(4);
  });

  it('funds investors and signers', async () => {
    const { network, client } = fixture;
    const [alpha, , , alice] = await allBalances();
    expect(alpha).toBe(10n ** 27n);
    expect(alice).toBe(0n);
    expect(await fixture.balance(network.cashToken, network.mallory.address)).toBe(10n ** 18n);
    const directory = await readDirectory(client, network);
    const signer = directory.members[0]?.signers[0]?.address ?? '0x';
    expect(await client.getBalance({ address: signer })).toBe(parseEther('1000'));
  });
});

describe('settling the real ERC-3643 token', () => {
  it('delivers against payment over three venues in one all-or-none group', async () => {
    const before = await allBalances();
    const legs = venues.map((executingVenue) => fixture.leg({ executingVenue, tradeNumber: 1n }));
    const { settled, failed } = await fixture.settle([legs]);
    expect(failed).toEqual([]);
    expect(settled).toHaveLength(3);
    const moved = (await allBalances()).map((after, index) => after - (before[index] ?? 0n));
    const shares = 25n * 10n ** 18n;
    const cash = 14_633_250_000n;
    expect(moved).toEqual([-shares, -shares, -shares, 3n * shares, cash, cash, cash, -3n * cash]);
  });

  it.each([0, 1, 2])(
    'moves nothing over three venues when the buyer of leg %i has no claim',
    async (k) => {
      const before = await allBalances();
      const legs = venues.map((executingVenue, index) =>
        fixture.leg({
          executingVenue,
          tradeNumber: 1n,
          buyer: index === k ? fixture.network.mallory.address : fixture.network.alice.address,
        }),
      );
      const { settled, failed } = await fixture.settle([legs]);
      expect(settled).toEqual([]);
      expect(failed).toMatchObject([{ reason: { code: 'COMPLIANCE_REFUSED' } }]);
      expect(await allBalances()).toEqual(before);
    },
  );

  it('names what the token only hints at: a freeze, a pause, a missing allowance', async () => {
    const { client, network } = fixture;
    const admin = privateKeyToAccount(network.admin.privateKey);
    const seller = privateKeyToAccount(network.flowWallets.alpha?.privateKey ?? '0x');
    const codeOf = async (tradeNumber: bigint) => {
      const leg = fixture.leg({ executingVenue: 'alpha', tradeNumber });
      return (await fixture.settle([[leg]])).failed[0]?.reason.code;
    };
    const write = { address: network.token, abi: tokenAbi } as const;
    await client.writeContract({
      ...write,
      account: seller,
      functionName: 'approve',
      args: [network.settlement, 0n],
    });
    expect(await codeOf(1n)).toBe('ALLOWANCE_TOO_LOW');
    await client.writeContract({
      ...write,
      account: admin,
      functionName: 'setAddressFrozen',
      args: [seller.address, true],
    });
    expect(await codeOf(1n)).toBe('WALLET_FROZEN');
    await client.writeContract({ ...write, account: admin, functionName: 'pause' });
    expect(await codeOf(1n)).toBe('TOKEN_PAUSED');
  });

  it('settles a trade submitted twice once', async () => {
    const leg = fixture.leg({ executingVenue: 'beta', tradeNumber: 9n });
    await fixture.settle([[leg]]);
    const after = await allBalances();
    const again = await fixture.settle([[leg]]);
    expect(again.failed).toMatchObject([{ reason: { code: 'TRADE_ALREADY_SETTLED' } }]);
    expect(await allBalances()).toEqual(after);
  });

  it('fits the gas formula with one leg, and with the largest batch in one group or in many', async () => {
    const one = await fixture.settle([[fixture.leg({ executingVenue: 'alpha', tradeNumber: 0n })]]);
    expect(one.settled).toHaveLength(1);
    const legs = Array.from({ length: maxLegsPerBatch }, (_, index) =>
      fixture.leg({ executingVenue: venues[index % 3] ?? 'alpha', tradeNumber: BigInt(index + 1) }),
    );
    const apart = await fixture.settle(legs.map((leg) => [leg]));
    expect(apart.settled).toHaveLength(maxLegsPerBatch);
    const renumbered = legs.map((leg) => ({ ...leg, tradeNumber: leg.tradeNumber + 300n }));
    const together = await fixture.settle([renumbered]);
    expect(together.settled).toHaveLength(maxLegsPerBatch);
  });
});
