import {
  createPermissionedToken,
  jurisdictionModuleAbi,
  jurisdictionModuleBytecode,
  maximumHoldersModuleAbi,
  maximumHoldersModuleBytecode,
  rule144ModuleAbi,
  rule144ModuleBytecode,
  transferLimitsModuleAbi,
  transferLimitsModuleBytecode,
  venueOnlyModuleAbi,
  venueOnlyModuleBytecode,
} from '@stoa/contracts';
import { type Abi, type Address, parseAbi } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Investor, startTrexFixture, type TrexFixture } from './trex-fixture.ts';

const us = 840;
const france = 250;
const day = 86_400;

let fixture: TrexFixture;
let anna: Investor;
let ben: Investor;
let snapshot: `0x${string}`;

beforeAll(async () => {
  fixture = await startTrexFixture();
  anna = await fixture.investor(us);
  ben = await fixture.investor(us);
  await fixture.trex.mint(anna.address, 100n);
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
});
afterEach(() => fixture.client.revert({ id: snapshot }));

const give = (amount: bigint, to = ben) => fixture.transfer(anna.account, to.address, amount);
const asked = (quantity: bigint, from = anna, to = ben) =>
  fixture.token.canTransfer({ from: from.address, to: to.address, quantity });
const mint = (to: Investor, amount: bigint) =>
  fixture.trex.mint(to.address, amount).then(
    () => true,
    () => false,
  );

describe.each([
  ['Rule144Module', rule144ModuleAbi, rule144ModuleBytecode],
  ['MaximumHoldersModule', maximumHoldersModuleAbi, maximumHoldersModuleBytecode],
  ['JurisdictionModule', jurisdictionModuleAbi, jurisdictionModuleBytecode],
  ['TransferLimitsModule', transferLimitsModuleAbi, transferLimitsModuleBytecode],
] as const)('%s on stock modular compliance', (name, abi, bytecode) => {
  let module: Address;
  beforeEach(async () => {
    module = await fixture.deploy(abi as Abi, bytecode);
    await fixture.bind(module);
  });
  const read = (functionName: string, args: readonly unknown[] = []) =>
    fixture.client.readContract({ address: module, abi: abi as Abi, functionName, args });

  it('binds, and refuses everything until it is configured', async () => {
    expect(await read('isComplianceBound', [fixture.trex.addresses.compliance])).toBe(true);
    expect(await give(1n)).toBeUndefined();
    expect(await mint(ben, 1n)).toBe(false);
    expect(await asked(1n)).toMatchObject({
      code: 'COMPLIANCE_REFUSED',
      message: expect.stringContaining(`${name}: NOT_CONFIGURED`),
    });
  });

  it('unbinds, and refuses nothing more', async () => {
    await fixture.unbind(module);
    expect(await read('isComplianceBound', [fixture.trex.addresses.compliance])).toBe(false);
    expect(await give(1n)).toBeDefined();
  });

  it('takes notices and configuration from the compliance alone', async () => {
    const { write } = fixture;
    const notice = [anna.address, ben.address, 1n];
    for (const [functionName, args] of [
      ['bindCompliance', [anna.address]],
      ['unbindCompliance', [fixture.trex.addresses.compliance]],
      ['moduleTransferAction', notice],
      ['moduleMintAction', notice.slice(1)],
      ['moduleBurnAction', notice.slice(1)],
    ] as const) {
      await expect(write(abi as Abi, module, functionName, args)).rejects.toThrow(
        /OnlyCompliance|NotBound/,
      );
    }
  });
});

describe('JurisdictionModule', () => {
  let module: Address;
  let claire: Investor;
  const configure = (functionName: string, ...args: unknown[]) =>
    fixture.configure(module, jurisdictionModuleAbi, functionName, args);
  beforeEach(async () => {
    module = await fixture.deploy(jurisdictionModuleAbi, jurisdictionModuleBytecode);
    claire = await fixture.investor(france);
    await fixture.bind(module);
  });

  it('lets only investors of listed countries receive', async () => {
    await configure('setMode', true);
    await configure('setCountries', [us], true);
    expect(await give(1n)).toBeDefined();
    expect(await give(1n, claire)).toBeUndefined();
    expect(await asked(1n, anna, claire)).toMatchObject({
      code: 'COUNTRY_REFUSED',
      message: expect.stringContaining('250'),
      reasons: [{ module: 'JurisdictionModule' }],
    });
    // At order entry too, when no seller is known.
    expect(await fixture.token.canReceive(claire.address)).toMatchObject({
      code: 'COUNTRY_REFUSED',
    });
    expect(await mint(claire, 1n)).toBe(false);
    expect(await mint(ben, 1n)).toBe(true);
  });

  it('refuses investors of listed countries, and no others', async () => {
    await configure('setMode', false);
    await configure('setCountries', [france], true);
    expect(await give(1n, claire)).toBeUndefined();
    expect(await give(1n)).toBeDefined();
    await configure('setCountries', [france], false);
    expect(await give(1n, claire)).toBeDefined();
    // A forced transfer was not asked, and a redemption needs no country.
    await configure('setCountries', [france], true);
    await fixture.asAgent('forcedTransfer', anna.address, claire.address, 1n);
    await fixture.asAgent('burn', claire.address, 1n);
  });

  it('knows no country 0 and none above 999', async () => {
    await expect(configure('setCountries', [0], true)).rejects.toThrow();
    await expect(configure('setCountries', [1000], true)).rejects.toThrow();
    await expect(
      configure(
        'setCountries',
        Array.from({ length: 251 }, () => us),
        true,
      ),
    ).rejects.toThrow();
  });
});

describe('TransferLimitsModule', () => {
  let module: Address;
  const limits = (...list: { seconds_: number; maximum: bigint }[]) =>
    fixture.configure(module, transferLimitsModuleAbi, 'setLimits', [list]);
  beforeEach(async () => {
    module = await fixture.deploy(transferLimitsModuleAbi, transferLimitsModuleBytecode);
    await fixture.bind(module);
    // From the start of a day, so that the day does not end within a test.
    const { client } = fixture;
    const now = await fixture.now();
    await client.setNextBlockTimestamp({ timestamp: BigInt((Math.floor(now / day) + 1) * day) });
    await client.mine({ blocks: 1 });
  });

  it('limits a transfer, and a holder within a day', async () => {
    await limits({ seconds_: 0, maximum: 10n }, { seconds_: day, maximum: 25n });
    expect(await give(11n)).toBeUndefined();
    expect(await asked(11n)).toMatchObject({
      code: 'TRANSFER_LIMIT',
      reasons: [{ most: 10n, module: 'TransferLimitsModule' }],
    });
    expect(await give(10n)).toBeDefined();
    expect(await give(10n)).toBeDefined();
    expect(await give(6n)).toBeUndefined();
    expect(await asked(6n)).toMatchObject({ code: 'TRANSFER_LIMIT', reasons: [{ most: 5n }] });
    expect(await fixture.token.canSend(anna.address, 6n)).toMatchObject({ code: 'TRANSFER_LIMIT' });
    expect(await give(5n)).toBeDefined();
    await fixture.pass(day);
    expect(await give(10n)).toBeDefined();
  });

  it('counts a forced transfer, and neither issues nor redemptions', async () => {
    await limits({ seconds_: day, maximum: 10n });
    expect(await mint(anna, 50n)).toBe(true);
    await fixture.asAgent('burn', anna.address, 50n);
    expect(await give(1n)).toBeDefined();
    await fixture.asAgent('forcedTransfer', anna.address, ben.address, 9n);
    expect(await give(1n)).toBeUndefined();
  });

  it('gives a holder with two wallets no more room', async () => {
    const other = await fixture.investor(us);
    const abi = parseAbi(['function updateIdentity(address wallet, address identity)']);
    const { identityRegistry } = fixture.trex.addresses;
    const args = [other.address, anna.registered.identity];
    await fixture.write(abi, identityRegistry, 'updateIdentity', args);
    await limits({ seconds_: day, maximum: 10n });
    await mint(other, 10n);
    expect(await give(6n)).toBeDefined();
    expect(await fixture.transfer(other.account, ben.address, 5n)).toBeUndefined();
    expect(await fixture.transfer(other.account, ben.address, 4n)).toBeDefined();
  });

  it('takes at most four limits, each window once', async () => {
    const one = { seconds_: day, maximum: 1n };
    await expect(limits(one, one)).rejects.toThrow();
    const five = [1, 2, 3, 4, 5].map((seconds_) => ({ seconds_, maximum: 1n }));
    await expect(limits(...five)).rejects.toThrow();
    await limits();
    expect(await give(100n)).toBeDefined();
  });
});

describe('VenueOnlyModule', () => {
  let module: Address;
  const configure = (functionName: string, ...args: unknown[]) =>
    fixture.configure(module, venueOnlyModuleAbi, functionName, args);
  beforeEach(async () => {
    module = await fixture.deploy(venueOnlyModuleAbi, venueOnlyModuleBytecode);
    await fixture.bind(module);
  });

  it('lets tokens move only through an approved settlement contract', async () => {
    expect(await fixture.move(anna.address, ben.address, 1n)).toBeUndefined();
    expect(await asked(1n)).toMatchObject({ code: 'VENUE_ONLY' });
    await configure('setSettlement', fixture.mover, true);
    expect(await fixture.move(anna.address, ben.address, 1n)).toBeDefined();
    // Before the trade nobody moves yet: the lens asks on behalf of the settlement contract.
    expect(await asked(1n)).toMatchObject({ eligible: true });
    const other = createPermissionedToken('ERC-3643', {
      client: fixture.client,
      token: fixture.trex.addresses.token,
      settlement: fixture.cashToken,
    });
    expect(await other.canSend(anna.address, 1n)).toMatchObject({
      reasons: [{ code: 'ALLOWANCE_TOO_LOW' }, { code: 'VENUE_ONLY' }],
    });
    expect(await give(1n)).toBeUndefined();
    await configure('setSettlement', fixture.mover, false);
    expect(await fixture.move(anna.address, ben.address, 1n)).toBeUndefined();
  });

  it('lets exempt wallets move freely, and the issuer issue, redeem and force', async () => {
    expect(await give(1n)).toBeUndefined();
    await configure('setExempt', ben.address, true);
    expect(await give(1n)).toBeDefined();
    expect(await fixture.transfer(ben.account, anna.address, 1n)).toBeDefined();
    await configure('setExempt', ben.address, false);
    expect(await mint(ben, 1n)).toBe(true);
    await fixture.asAgent('forcedTransfer', anna.address, ben.address, 1n);
    await fixture.asAgent('burn', ben.address, 2n);
  });

  it('clears no other rule: a second module that refuses is named', async () => {
    await configure('setSettlement', fixture.mover, true);
    const limits = await fixture.deploy(transferLimitsModuleAbi, transferLimitsModuleBytecode);
    await fixture.bind(limits);
    const none = [[{ seconds_: 0, maximum: 0n }]];
    await fixture.configure(limits, transferLimitsModuleAbi, 'setLimits', none);
    expect(await asked(1n)).toMatchObject({
      code: 'TRANSFER_LIMIT',
      reasons: [{ module: 'TransferLimitsModule' }],
    });
  });

  it('approves contracts only, and at most four', async () => {
    await expect(configure('setSettlement', ben.address, true)).rejects.toThrow();
    const { addresses } = fixture.trex;
    const contracts = [addresses.token, addresses.compliance, addresses.identityRegistry];
    for (const contract of [fixture.mover, ...contracts]) {
      await configure('setSettlement', contract, true);
    }
    await expect(configure('setSettlement', fixture.cashToken, true)).rejects.toThrow();
    // Those that do not answer stand in nobody's way.
    await configure('setSettlement', fixture.mover, false);
    await configure('setSettlement', fixture.mover, true);
    expect(await fixture.move(anna.address, ben.address, 1n)).toBeDefined();
  });
});
