import { rule144ModuleAbi, rule144ModuleBytecode } from '@stoa/contracts';
import { createPreTradeChecks } from '@stoa/node/pre-trade';
import type { Instrument } from '@stoa/schema';
import { pino } from 'pino';
import { type Address, parseAbi } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Investor, startTrexFixture, type TrexFixture } from './trex-fixture.ts';

const day = 86_400;
const sixMonths = 184;
const onePercent = 100;

let fixture: TrexFixture;
let module: Address;
let anna: Investor;
let ben: Investor;
let carl: Investor;
let snapshot: `0x${string}`;

beforeAll(async () => {
  fixture = await startTrexFixture();
  anna = await fixture.investor();
  ben = await fixture.investor();
  carl = await fixture.investor();
  module = await fixture.deploy(rule144ModuleAbi, rule144ModuleBytecode);
  await fixture.bind(module);
  await configure('setRules', sixMonths, onePercent, 0n, true);
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  snapshot = await fixture.client.snapshot();
});
afterEach(() => fixture.client.revert({ id: snapshot }));

const configure = (functionName: string, ...args: unknown[]) =>
  fixture.configure(module, rule144ModuleAbi, functionName, args);
const give = (from: Investor, to: Investor, amount: bigint) =>
  fixture.transfer(from.account, to.address, amount);
const asked = (from: Investor, quantity: bigint, to = ben) =>
  fixture.token.canTransfer({ from: from.address, to: to.address, quantity });
const issue = (to: Investor, amount: bigint) => fixture.trex.mint(to.address, amount);
const today = async () => Math.floor((await fixture.now()) / day);

async function lotsOf({ address }: Investor): Promise<[ageDays: number, amount: bigint][]> {
  const lots = await fixture.client.readContract({
    address: module,
    abi: rule144ModuleAbi,
    functionName: 'lotsOf',
    args: [fixture.trex.addresses.compliance, address],
  });
  const now = await today();
  return lots.map((lot) => [now - lot.day, lot.amount]);
}

const volumeLeft = (group: number) =>
  fixture.client.readContract({
    address: module,
    abi: rule144ModuleAbi,
    functionName: 'volumeLeft',
    args: [fixture.trex.addresses.compliance, group],
  });

describe('the holding period', () => {
  it('holds issued tokens until it ends, and says when', async () => {
    await issue(anna, 100n);
    expect(await give(anna, ben, 1n)).toBeUndefined();
    const end = new Date(((await today()) + sixMonths) * day * 1_000).toISOString().slice(0, 10);
    expect(await asked(anna, 1n)).toMatchObject({
      code: 'HOLDING_PERIOD',
      message: expect.stringContaining(end),
      reasons: [{ module: 'Rule144Module' }],
    });
    // At order entry too, when no buyer is known.
    expect(await fixture.token.canSend(anna.address, 1n)).toMatchObject({ code: 'HOLDING_PERIOD' });
    await fixture.pass((sixMonths - 1) * day);
    expect(await give(anna, ben, 1n)).toBeUndefined();
    await fixture.pass(day);
    expect(await asked(anna, 100n)).toMatchObject({ eligible: true });
    expect(await give(anna, ben, 100n)).toBeDefined();
  });

  it('frees each lot on its own day, the oldest first', async () => {
    await issue(anna, 60n);
    await fixture.pass(100 * day);
    await issue(anna, 40n);
    expect(await lotsOf(anna)).toEqual([
      [100, 60n],
      [0, 40n],
    ]);
    await fixture.pass(84 * day);
    expect(await give(anna, ben, 61n)).toBeUndefined();
    expect(await give(anna, ben, 50n)).toBeDefined();
    expect(await lotsOf(anna)).toEqual([
      [184, 10n],
      [84, 40n],
    ]);
  });

  it('says of no quantity that it is free, so what could be sold is found by asking', async () => {
    await issue(anna, 60n);
    await fixture.pass(sixMonths * day);
    await issue(anna, 1_000n);
    const checks = createPreTradeChecks({
      ...{ client: fixture.client, settlement: fixture.mover, nowMs: () => 0 },
      logger: pino({ level: 'silent' }),
    });
    const { token } = fixture.trex.addresses;
    const instrument: Instrument = {
      ...{ id: `eip155:31337/erc20:${token}`, token, cashToken: fixture.cashToken },
      ...{ name: 'Test', isin: '', issuer: 'issuer' },
      ...{ symbol: 'TST', tokenDecimals: 0, quantityDecimals: 0 },
      ...{ priceDecimals: 0, cashDecimals: 0, cashSymbol: 'USD', tickSize: 1, lotSize: 7 },
      standard: 'ERC-3643',
    };
    const offer = { instrument, side: 'sell', account: anna.address, quantity: 700 } as const;
    const held = { refusal: { code: 'HOLDING_PERIOD' } };
    expect(await checks.settleable(offer)).toMatchObject({ quantity: 56, ...held });
    expect(await checks.settleable({ ...offer, promised: 10n })).toMatchObject({ quantity: 49 });
  });

  it('tacks from holder to holder: the buyer has held as long as the seller', async () => {
    await issue(anna, 10n);
    await fixture.pass(200 * day);
    await give(anna, ben, 10n);
    expect(await lotsOf(ben)).toEqual([[200, 10n]]);
    expect(await give(ben, carl, 10n)).toBeDefined();
    // A year ends every holding; the lot goes when its wallet next changes.
    await fixture.pass(166 * day);
    await issue(carl, 1n);
    expect(await lotsOf(carl)).toEqual([[0, 1n]]);
    expect(await give(carl, ben, 10n)).toBeDefined();
    expect(await give(carl, ben, 1n)).toBeUndefined();
  });

  it('asks again for the longer period when the issuer stops reporting', async () => {
    await issue(anna, 10n);
    await fixture.pass(200 * day);
    expect(await asked(anna, 10n)).toMatchObject({ eligible: true });
    // A change of the wallet in between forgets nothing that the longer period needs.
    await issue(anna, 1n);
    await configure('setRules', 366, onePercent, 0n, true);
    expect(await asked(anna, 10n)).toMatchObject({ code: 'HOLDING_PERIOD' });
  });

  it('lets the issuer tack an earlier day, and only an earlier one', async () => {
    await issue(anna, 100n);
    await configure('tack', anna.address, 30n, (await today()) - 184);
    expect(await lotsOf(anna)).toEqual([
      [184, 30n],
      [0, 70n],
    ]);
    expect(await give(anna, ben, 30n)).toBeDefined();
    expect(await give(anna, ben, 1n)).toBeUndefined();
    await expect(configure('tack', anna.address, 71n, 0)).rejects.toThrow();
    await expect(configure('tack', anna.address, 1n, (await today()) + 1)).rejects.toThrow();
  });

  it('carries the lots along when the agent moves or burns tokens by force', async () => {
    await issue(anna, 100n);
    await fixture.pass(10 * day);
    await fixture.asAgent('forcedTransfer', anna.address, ben.address, 40n);
    expect(await lotsOf(ben)).toEqual([[10, 40n]]);
    await fixture.asAgent('burn', anna.address, 60n);
    expect(await lotsOf(anna)).toEqual([]);
    await fixture.asAgent('burn', ben.address, 10n);
    expect(await lotsOf(ben)).toEqual([[10, 30n]]);
  });

  it('lets a holder move its tokens between its own wallets', async () => {
    const abi = parseAbi(['function updateIdentity(address wallet, address identity)']);
    const args = [ben.address, anna.registered.identity];
    const { identityRegistry } = fixture.trex.addresses;
    await fixture.write(abi, identityRegistry, 'updateIdentity', args);
    await issue(anna, 10n);
    expect(await give(anna, carl, 10n)).toBeUndefined();
    expect(await give(anna, ben, 10n)).toBeDefined();
    expect(await lotsOf(ben)).toEqual([[0, 10n]]);
  });

  it('takes holders from before it was bound as unrestricted, until their lots are recorded', async () => {
    await fixture.unbind(module);
    await issue(anna, 100n);
    await fixture.bind(module);
    await configure('setRules', sixMonths, onePercent, 0n, true);
    expect(await give(anna, ben, 10n)).toBeDefined();
    await configure('recordLot', anna.address, 60n, (await today()) - 10);
    expect(await give(anna, ben, 31n)).toBeUndefined();
    expect(await give(anna, ben, 30n)).toBeDefined();
    await expect(configure('recordLot', anna.address, 1n, 0)).rejects.toThrow();
  });

  it('keeps sixteen lots at most, shortens no holding and lengthens nobody else’s', async () => {
    for (let lot = 0; lot < 16; lot += 1) {
      await issue(anna, 10n);
      await fixture.pass((lot === 7 ? 2 : 5) * day);
    }
    const before = await lotsOf(anna);
    expect(before).toHaveLength(16);
    // The youngest of all gets a place: the two closest lots become one, of the later day.
    await issue(anna, 1n);
    const after = await lotsOf(anna);
    expect(after).toHaveLength(16);
    expect(after.at(-1)).toEqual([0, 1n]);
    expect(after).toContainEqual([before[8]?.[0], 20n]);
    expect(after).not.toContainEqual([before[7]?.[0], 10n]);
    // An older one that comes in joins the next younger; the others stay as they were.
    await issue(ben, 3n);
    await configure('tack', ben.address, 3n, (await today()) - 58);
    await fixture.asAgent('forcedTransfer', ben.address, anna.address, 3n);
    const joined = await lotsOf(anna);
    expect(joined.map(([age]) => age)).toEqual(after.map(([age]) => age));
    expect(joined.reduce((sum, [, amount]) => sum + amount, 0n)).toBe(164n);
  });
});

describe('affiliates', () => {
  beforeEach(async () => {
    await issue(anna, 10_000n);
    await configure('setAffiliate', anna.address, 1);
    await fixture.pass(366 * day);
  });

  it('may sell one percent of the class within three months', async () => {
    expect(await volumeLeft(1)).toBe(100n);
    expect(await give(anna, ben, 101n)).toBeUndefined();
    expect(await asked(anna, 101n)).toMatchObject({
      code: 'AFFILIATE_VOLUME',
      reasons: [{ most: 100n, module: 'Rule144Module' }],
    });
    expect(await give(anna, ben, 60n)).toBeDefined();
    await fixture.pass(90 * day);
    expect(await volumeLeft(1)).toBe(40n);
    expect(await give(anna, ben, 41n)).toBeUndefined();
    await fixture.pass(20 * day);
    expect(await volumeLeft(1)).toBe(100n);
  });

  it('may sell the average weekly volume, where that is more', async () => {
    await configure('setRules', sixMonths, onePercent, 250n, true);
    expect(await give(anna, ben, 250n)).toBeDefined();
    expect(await give(anna, ben, 1n)).toBeUndefined();
  });

  it('of one group share one limit, and owe none among themselves', async () => {
    await configure('setAffiliate', ben.address, 1);
    expect(await give(anna, ben, 500n)).toBeDefined();
    expect(await give(anna, carl, 60n)).toBeDefined();
    expect(await give(ben, carl, 41n)).toBeUndefined();
    expect(await give(ben, carl, 40n)).toBeDefined();
  });

  it('start a new holding for whoever buys from them', async () => {
    expect(await give(anna, ben, 100n)).toBeDefined();
    expect(await lotsOf(ben)).toEqual([[0, 100n]]);
    expect(await give(ben, carl, 1n)).toBeUndefined();
  });

  it('leave the buyer free where each sale is one under the rule', async () => {
    await configure('setRules', sixMonths, onePercent, 0n, false);
    expect(await give(anna, ben, 100n)).toBeDefined();
    expect(await lotsOf(ben)).toEqual([]);
    expect(await give(ben, carl, 100n)).toBeDefined();
    // What was moved by force before its time stays restricted.
    await issue(anna, 10n);
    await fixture.asAgent('forcedTransfer', anna.address, carl.address, 9_910n);
    expect(await lotsOf(carl)).toEqual([[0, 10n]]);
  });
});

it('refuses rules that the regulation does not know', async () => {
  for (const rules of [
    [0, onePercent, 0n, true],
    [367, onePercent, 0n, true],
    [sixMonths, 0, 0n, true],
    [sixMonths, 10_001, 0n, true],
  ]) {
    await expect(configure('setRules', ...rules)).rejects.toThrow();
  }
});
