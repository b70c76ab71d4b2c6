import { type Mandate, signMandate } from '@stoa/contracts';
import type { DirectorySource } from '@stoa/schema';
import { createClient, custom } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { MandateRegister } from './mandate-register.ts';

const INVESTOR = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const ADDRESS = '0x00000000000000000000000000000000000000aa';
const DOMAIN = { chainId: 1, settlement: ADDRESS } as const;
/** A chain on which nothing is filled, withdrawn or deployed. */
const client = createClient({
  transport: custom({
    request: async ({ method }: { readonly method: string }) =>
      method === 'eth_call' ? `0x${'00'.repeat(64)}` : '0x',
  }),
});

/** No mandate here names a venue. */
const directory = {
  current: () => ({ members: new Map(), instruments: new Map() }),
} as unknown as DirectorySource;

let databases: TemporaryDatabases;
let store: OpenDatabase;
let register: MandateRegister;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('alpha'));
  register = new MandateRegister(
    { venue: 'alpha', domain: DOMAIN },
    { db: store.db, client, directory, send: async () => {}, nowMs: Date.now },
  );
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

async function signed(nonce: bigint) {
  const mandate: Mandate = {
    ...{ investor: INVESTOR.address, side: 'buy', token: ADDRESS, cashToken: ADDRESS, venues: [] },
    ...{ limitAmount: 1n, limitQuantity: 1n, quantity: 1n, nonce },
    expiry: Math.floor(Date.now() / 1_000) + 3_600,
  };
  return { signed: await signMandate(INVESTOR, DOMAIN, mandate), domain: DOMAIN };
}

it('takes two for the same at once, and counts the one that the store counts', async () => {
  const asked = await Promise.all([1n, 2n, 3n, 4n].map(signed));
  const answers = await Promise.all(asked.map((one) => register.register('broker', one)));
  expect(answers.map((answer) => 'mandate' in answer)).toEqual([true, true, true, true]);
  const rows = await store.sql`select hash from mandates where state = 'active'`;
  const [first] = asked;
  expect(rows.map(({ hash }) => hash as string)).toEqual([
    first && register.active(first.signed.mandate)?.hash,
  ]);
});

it('one that another member registers anew is that member’s', async () => {
  const one = await signed(5n);
  await register.register('broker', one);
  const again = await register.register('other', one);
  if (!('mandate' in again)) throw new Error(again.code);
  const { hash } = again.mandate;
  expect((await register.list('other', 10)).map((view) => view.hash)).toEqual([hash]);
  expect((await register.list('broker', 10)).map((view) => view.hash)).not.toContain(hash);
  expect(await register.revoke('other', hash)).toMatchObject({ state: 'revoked' });
});
