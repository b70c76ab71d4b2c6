import { maximumHoldersModuleAbi, maximumHoldersModuleBytecode } from '@stoa/contracts';
import { type Address, parseAbi } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Investor, startTrexFixture, type TrexFixture } from './trex-fixture.ts';

const us = 840;
const france = 250;
const noCap = 2 ** 32 - 1;
const registryAbi = parseAbi([
  'function updateIdentity(address wallet, address identity)',
  'function updateCountry(address wallet, uint16 country)',
]);

let fixture: TrexFixture;
let module: Address;
let anna: Investor;
let ben: Investor;
let carl: Investor;
let claire: Investor;
let snapshot: `0x${string}`;

beforeAll(async () => {
  fixture = await startTrexFixture();
  anna = await fixture.investor(us);
  ben = await fixture.investor(us);
  carl = await fixture.investor(us);
  claire = await fixture.investor(france);
  module = await fixture.deploy(maximumHoldersModuleAbi, maximumHoldersModuleBytecode);
  await fixture.bind(module);
  await configure('setMaximum', 2);
  await fixture.trex.mint(anna.address, 100n);
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
});
afterEach(() => fixture.client.revert({ id: snapshot }));

const configure = (functionName: string, ...args: unknown[]) =>
  fixture.configure(module, maximumHoldersModuleAbi, functionName, args);
const give = (from: Investor, to: Investor, amount: bigint) =>
  fixture.transfer(from.account, to.address, amount);
const asked = (to: Investor, quantity = 1n, from = anna) =>
  fixture.token.canTransfer({ from: from.address, to: to.address, quantity });
const register = (functionName: string, ...args: unknown[]) =>
  fixture.write(registryAbi, fixture.trex.addresses.identityRegistry, functionName, args);

async function count(country?: number): Promise<number> {
  const { compliance } = fixture.trex.addresses;
  const read = { address: module, abi: maximumHoldersModuleAbi } as const;
  if (country === undefined) {
    const args = [compliance] as const;
    return (await fixture.client.readContract({ ...read, functionName: 'holders', args }))[0];
  }
  const args = [compliance, country] as const;
  return (await fixture.client.readContract({ ...read, functionName: 'holdersIn', args })).holders;
}

it('counts holders by issue, transfer and redemption, and refuses one too many', async () => {
  expect(await count()).toBe(1);
  expect(await give(anna, ben, 10n)).toBeDefined();
  expect(await count()).toBe(2);
  expect(await give(anna, carl, 1n)).toBeUndefined();
  expect(await asked(carl)).toMatchObject({
    code: 'HOLDER_CAP',
    message: expect.stringContaining('(2)'),
    reasons: [{ module: 'MaximumHoldersModule' }],
  });
  expect(await fixture.token.canReceive(carl.address)).toMatchObject({ code: 'HOLDER_CAP' });
  // Who holds already may have more.
  expect(await give(anna, ben, 10n)).toBeDefined();
  await fixture.asAgent('burn', ben.address, 20n);
  expect(await count()).toBe(1);
  expect(await give(anna, carl, 1n)).toBeDefined();
});

it('lets a holder who leaves give its place to another', async () => {
  await give(anna, ben, 10n);
  expect(await asked(carl, 9n, ben)).toMatchObject({ code: 'HOLDER_CAP' });
  expect(await asked(carl, 10n, ben)).toMatchObject({ eligible: true });
  expect(await give(ben, carl, 10n)).toBeDefined();
  expect(await count()).toBe(2);
  expect(await count(us)).toBe(2);
});

it('counts persons, not wallets', async () => {
  await register('updateIdentity', carl.address, anna.registered.identity);
  await give(anna, ben, 10n);
  expect(await give(anna, carl, 50n)).toBeDefined();
  expect(await count()).toBe(2);
  // One wallet empty, the other not: still a holder.
  expect(await give(anna, carl, 40n)).toBeDefined();
  expect(await count()).toBe(2);
  expect(await give(carl, ben, 90n)).toBeDefined();
  expect(await count()).toBe(1);
});

it('caps each country by itself', async () => {
  await configure('setMaximum', noCap);
  await configure('setCountryMaximum', france, true, 0);
  expect(await give(anna, claire, 1n)).toBeUndefined();
  expect(await asked(claire)).toMatchObject({ code: 'COUNTRY_HOLDER_CAP' });
  expect(await give(anna, ben, 1n)).toBeDefined();
  await configure('setCountryMaximum', france, true, 1);
  expect(await give(anna, claire, 1n)).toBeDefined();
  expect([await count(france), await count(us)]).toEqual([1, 2]);
  const colette = await fixture.investor(france);
  expect(await give(claire, colette, 1n)).toBeDefined();
  await configure('setCountryMaximum', france, false, 0);
  expect(await give(anna, claire, 1n)).toBeDefined();
  expect(await count(france)).toBe(2);
});

it('counts forced transfers, which it was not asked about', async () => {
  await give(anna, ben, 10n);
  await fixture.asAgent('forcedTransfer', anna.address, carl.address, 1n);
  expect(await count()).toBe(3);
  // Over the cap nobody new comes in, even for one who leaves; nobody is put out.
  expect(await give(ben, claire, 10n)).toBeUndefined();
  expect(await give(carl, anna, 1n)).toBeDefined();
  expect(await count()).toBe(2);
});

it('takes a holder back as what it was counted, and counts anew when told', async () => {
  await give(anna, ben, 10n);
  await register('updateCountry', ben.address, france);
  await give(ben, anna, 10n);
  expect([await count(us), await count(france)]).toEqual([1, 0]);
  await give(anna, ben, 10n);
  expect(await count(france)).toBe(1);
  await register('updateCountry', ben.address, us);
  const recount = [fixture.trex.addresses.compliance, [anna.address, ben.address, carl.address]];
  await fixture.write(maximumHoldersModuleAbi, module, 'recount', recount, carl.account);
  expect([await count(), await count(us), await count(france)]).toEqual([2, 2, 0]);
});

it('begins anew when it is bound again, and counts those there by recount', async () => {
  await give(anna, ben, 10n);
  await fixture.unbind(module);
  await give(anna, carl, 10n);
  await fixture.bind(module);
  expect(await count()).toBe(0);
  await configure('setMaximum', 3);
  const wallets = [anna.address, ben.address, carl.address];
  const recount = (list: readonly Address[]) =>
    fixture.write(maximumHoldersModuleAbi, module, 'recount', [
      fixture.trex.addresses.compliance,
      list,
    ]);
  await recount(wallets);
  expect(await count()).toBe(3);
  expect(await give(anna, claire, 1n)).toBeUndefined();
  await expect(recount(Array.from({ length: 101 }, () => anna.address))).rejects.toThrow('TooMany');
});

it('follows a holder to its new wallet', async () => {
  const lost = await fixture.investor(us);
  await give(anna, lost, 10n);
  expect(await count()).toBe(2);
  const fresh = await fixture.investor(us);
  await register('updateIdentity', fresh.address, lost.registered.identity);
  await fixture.asAgent('forcedTransfer', lost.address, fresh.address, 10n);
  expect(await count()).toBe(2);
});
