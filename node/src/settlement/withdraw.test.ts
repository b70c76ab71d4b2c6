import type { Directory, Execution, Instrument } from '@stoa/schema';
import { Registry } from 'prom-client';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createBatchRecords } from './batch-records.ts';
import { Instructions } from './instructions.ts';
import { createSettlementMetrics } from './settlement-metrics.ts';

const TOKEN = '0x00000000000000000000000000000000000000aa';
const instrument: Instrument = {
  ...{ id: `eip155:1/erc20:${TOKEN}`, token: TOKEN, standard: 'ERC-3643', symbol: 'BOND' },
  ...{ name: 'A Bond', isin: '', issuer: 'issuer', tokenDecimals: 18, cashSymbol: 'USDX' },
  ...{ cashToken: '0x00000000000000000000000000000000000000cc', cashDecimals: 6 },
  ...{ priceDecimals: 2, quantityDecimals: 0, tickSize: 1, lotSize: 1 },
};

const execution: Execution = {
  ...{ venue: 'beta', executionId: 'e1', tradeNumber: 1, instrument: instrument.id },
  ...{ price: 1_000, quantity: 60, homeVenue: 'alpha', executedAtMs: 1 },
  buyer: '0x000000000000000000000000000000000000b001',
  seller: '0x000000000000000000000000000000000000b002',
};

let databases: TemporaryDatabases;
let store: OpenDatabase;
let instructions: Instructions;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

beforeEach(async () => {
  store = await openDatabase(await databases.empty('alpha'));
  const metrics = createSettlementMetrics(new Registry());
  const directory: Directory = {
    ...{ blockNumber: 1n, members: new Map(), listings: [] },
    instruments: new Map([[instrument.id, instrument]]),
  };
  instructions = new Instructions(
    {
      ...{ venue: 'alpha', chainId: 1, finality: 1 },
      settlement: '0x00000000000000000000000000000000000000dd',
    },
    {
      db: store.db,
      signer: privateKeyToAccount(`0x${'11'.repeat(32)}`),
      directory: { current: () => directory, onChange: () => () => undefined },
      send: async () => undefined,
      logger: createLogger('withdraw-test', 'silent'),
      nowMs: Date.now,
      records: createBatchRecords({ metrics, nowMs: Date.now }),
    },
  );
  await instruct(execution);
});
afterEach(() => store.close());

function instruct(trade: Execution): Promise<void> {
  const settles = { orderId: 'alpha-1', legId: 'alpha-1.1.1', execution: trade };
  return store.db.transaction((tx) => instructions.instruct(tx, [settles]));
}

function withdraw(reason: string): Promise<'withdrawn' | 'in-settlement'> {
  return store.db.transaction((tx) => instructions.withdraw(tx, execution, reason));
}

describe('a trade that its venue changed', () => {
  it('is taken back while it is in no batch, and can be instructed as it is now', async () => {
    expect(await withdraw('TRADE_CORRECTED')).toBe('withdrawn');
    await instruct({ ...execution, quantity: 50 });
    const legs = await store.sql`select quantity, reversal, batch_id from settlement_legs`;
    expect(legs).toEqual([{ quantity: '50', reversal: null, batch_id: null }]);
  });

  it('is not there any more, however often it is taken back', async () => {
    expect(await withdraw('TRADE_BUSTED')).toBe('withdrawn');
    expect(await withdraw('TRADE_BUSTED')).toBe('withdrawn');
    await store.db.transaction((tx) => instructions.closeGroup(tx, 'alpha-1'));
    expect(await store.sql`select 1 from settlement_batches`).toEqual([]);
  });

  it('stays in its batch, and is noted as to be reversed', async () => {
    await store.db.transaction((tx) => instructions.closeGroup(tx, 'alpha-1'));
    expect(await withdraw('TRADE_BUSTED')).toBe('in-settlement');
    const legs = await store.sql`select quantity, reversal, state from settlement_legs`;
    expect(legs).toEqual([{ quantity: '60', reversal: 'TRADE_BUSTED', state: 'instructed' }]);
    expect(await store.sql`select 1 as one from settlement_batches`).toEqual([{ one: 1 }]);
  });
});
