import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rawTransfersAbi } from '@stoa/contracts/testing/raw-transfers';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import { openTokenIndex } from '@stoa/node/testing/token-index';
import { type Address, encodeFunctionData, numberToHex } from 'viem';
import { median, rounded } from '../statistics.ts';
import { type GasWorld, startGasWorld } from './gas-world.ts';

/** How long it takes to index transfers, and to read a cap table of them. */
export interface IndexFigures {
  readonly index: { readonly transfers: number; readonly holders: number; readonly ms: number };
  /** The first page with all its sums, as of now. */
  readonly capTableMs: number;
  /** The same as of a block half way, from the transfers themselves. */
  readonly capTableAtBlockMs: number;
}

const perTransaction = 100;
const holders = 5_000;
const queries = 21;

/**
 * Indexes transfers of a token on a local chain into a real store, from the first block on, and reads
 * cap tables. Fails where what is read is not what was transferred.
 */
export async function measureIndex(transfers: number): Promise<IndexFigures> {
  await using world = await startGasWorld({ token: 'erc20', walletCount: 4, modules: false });
  await transferMany(world, transfers);
  const folder = await mkdtemp(join(tmpdir(), 'stoa-index-'));
  const server = await startEmbeddedPostgres({ dataDir: folder });
  try {
    const index = await openTokenIndex({
      databaseUrl: await createDatabase(server.url('postgres'), 'alpha'),
      client: world.client,
      token: { token: world.token, standard: 'ERC-3643' },
    });
    const begun = performance.now();
    await index.advance();
    const ms = performance.now() - begun;
    const head = await world.client.getBlockNumber();
    const table = await index.capTable();
    const distinct = Math.min(holders, transfers);
    if (table.holders < distinct || table.page[0]?.balance === undefined) {
      throw new Error(`${table.holders} holders instead of ${distinct}`);
    }
    const time = async (atBlock: bigint | undefined): Promise<number> => {
      const times: number[] = [];
      for (let count = 0; count < queries; count += 1) {
        const from = performance.now();
        await index.capTable(atBlock === undefined ? {} : { atBlock });
        times.push(performance.now() - from);
      }
      return rounded(median(times), 1);
    };
    const capTableMs = await time(undefined);
    const capTableAtBlockMs = await time(head - BigInt(Math.ceil(transfers / perTransaction / 2)));
    await index.stop();
    return {
      index: { transfers, holders: table.holders, ms: Math.round(ms) },
      ...{ capTableMs, capTableAtBlockMs },
    };
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function transferMany(world: GasWorld, transfers: number): Promise<void> {
  const { client, rawTransfers, signers, token, cashToken, wallets } = world;
  const seller = wallets[0]?.address ?? '0x';
  for (let first = 0; first < transfers; first += perTransaction) {
    const count = Math.min(perTransaction, transfers - first);
    const legs = Array.from({ length: count }, (_, at) => ({
      ...{ token, cashToken, seller, buyer: holderAt(first + at) },
      // Nothing is paid: who receives has no cash.
      ...{ quantity: BigInt(1 + ((first + at) % 97)), amount: 0n },
    }));
    const data = encodeFunctionData({
      abi: rawTransfersAbi,
      functionName: 'move',
      args: [legs as never],
    });
    const hash = await client.sendTransaction({
      ...{ account: signers.alpha, to: rawTransfers, data, gas: 15_000_000n },
    });
    const { status } = await client.waitForTransactionReceipt({ hash });
    if (status !== 'success') throw new Error('a transfer failed');
  }
}

function holderAt(index: number): Address {
  return numberToHex(0x1000_0000 + (index % holders), { size: 20 });
}
