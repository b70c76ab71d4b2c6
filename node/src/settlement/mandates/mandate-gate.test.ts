import type { Instrument } from '@stoa/schema';
import { createClient, custom, numberToHex } from 'viem';
import { beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { until } from '../../testing/until.ts';
import { MandateGate } from './mandate-gate.ts';

const token = '0x00000000000000000000000000000000000000cc';
const instrument: Instrument = {
  ...{ id: `eip155:31337/erc20:${token}`, token, standard: 'ERC-3643' },
  ...{ symbol: 'BOND', name: 'A bond', isin: '', issuer: 'issuer', tokenDecimals: 18 },
  ...{ cashToken: '0x00000000000000000000000000000000000000dd', cashSymbol: 'USDX' },
  ...{ cashDecimals: 6, priceDecimals: 2, quantityDecimals: 0, tickSize: 5, lotSize: 10 },
};
const settlement = '0x00000000000000000000000000000000000000aa';
const order = {
  account: '0x00000000000000000000000000000000000000bb',
  side: 'buy',
  instrument,
  leaves: 10,
  limitPrice: 100,
  worstPrice: undefined,
} as const;

/** How often the chain was asked, what it says, and whether it says anything yet. */
let asked: number;
let isRequired: boolean;
let answers: () => Promise<unknown>;
let nowMs: number;
let gate: MandateGate;

beforeEach(() => {
  asked = 0;
  isRequired = false;
  answers = async () => undefined;
  nowMs = 1_000_000;
  const request = async () => {
    asked += 1;
    await answers();
    return numberToHex(isRequired ? 1 : 0, { size: 32 });
  };
  gate = new MandateGate(
    { settlement, requiredFor: new Set() },
    {
      client: createClient({ transport: custom({ request }, { retryCount: 0 }) }),
      register: { active: () => undefined },
      unsettled: { traded: () => 0n, tradedNow: async () => 0n },
      logger: createLogger('test', 'silent'),
      nowMs: () => nowMs,
    },
  );
});

const codeOf = async () => (await gate.checkOrder(order, 0n))?.code;

it('reads what an account declares once a second at most', async () => {
  for (let times = 0; times < 3; times += 1) expect(await codeOf()).toBeUndefined();
  expect(asked).toBe(1);
});

it('reads it again for an account that trades on, whose order does not wait for it', async () => {
  await codeOf();
  nowMs += 1_500;
  isRequired = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  answers = () => promise;
  expect(await codeOf()).toBeUndefined();
  await until(() => asked === 2);
  resolve();
  await until(async () => (await codeOf()) === 'MANDATE_REQUIRED');
});

it('waits for what an account declares now, where what is known is older', async () => {
  await codeOf();
  nowMs += 2_000;
  isRequired = true;
  expect(await codeOf()).toBe('MANDATE_REQUIRED');
});

it('keeps no failure: the next order asks again', async () => {
  answers = () => Promise.reject(new Error('the chain is away'));
  expect(await codeOf()).toBe('CHECK_UNAVAILABLE');
  answers = async () => undefined;
  expect(await codeOf()).toBeUndefined();
});

it('serves no longer than it may when reading it again fails', async () => {
  await codeOf();
  nowMs += 1_500;
  answers = () => Promise.reject(new Error('the chain is away'));
  expect(await codeOf()).toBeUndefined();
  await until(() => asked === 2);
  nowMs += 500;
  expect(await codeOf()).toBe('CHECK_UNAVAILABLE');
});
