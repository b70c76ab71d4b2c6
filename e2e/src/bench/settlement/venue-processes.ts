import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { memberRegistryAbi, readDirectory, slugToBytes32 } from '@stoa/contracts';
import { type SettlementNode, startSettlementNode } from '@stoa/node/testing/settlement-node';
import type { Execution } from '@stoa/schema';
import { createClient, type Hex, http, parseEther } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createChainWriter } from '../../chain/chain-writer.ts';
import type { NetworkFixture } from '../../chain/network-fixture.ts';
import type { OperatorOptions } from './operator-process.ts';

/** The venues of a measurement: alpha is home, beta executes. */
export type BenchVenue = 'alpha' | 'beta';
export type VenueUrls = Readonly<Record<BenchVenue, string>>;

/** Settlement of a venue in a process of its own, which takes its messages from the other's store. */
export async function startVenueProcess(
  { rpcUrl, network }: NetworkFixture,
  venue: BenchVenue,
  {
    urls,
    signerKey,
    batchWaitMs,
  }: { readonly urls: VenueUrls; readonly signerKey: Hex; readonly batchWaitMs?: number },
): Promise<ChildProcess> {
  const operator: OperatorOptions = {
    ...{ venue, rpcUrl, signerKey, databaseUrl: urls[venue] },
    ...(batchWaitMs !== undefined && { batchWaitMs }),
    peerDatabaseUrl: urls[venue === 'alpha' ? 'beta' : 'alpha'],
    ...{ chainId: network.chainId, settlement: network.settlement },
    ...{ memberRegistry: network.memberRegistry, listingRegistry: network.listingRegistry },
  };
  const file = join(import.meta.dirname, 'operator-process.ts');
  const child = fork(file, [JSON.stringify(operator)], { execArgv: [] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the operator ended with ${signal ?? code} before it was ready`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(child, 'message'), ended]);
  return child;
}

/** A signer for a process of its own: the fixture's accounts do not give their keys away. */
export async function admitSigner(
  { client, network }: NetworkFixture,
  venue: BenchVenue,
): Promise<Hex> {
  const key = generatePrivateKey();
  const signer = privateKeyToAccount(key).address;
  const writer = createChainWriter(client, privateKeyToAccount(network.admin.privateKey));
  const args = [slugToBytes32(venue), signer, 0n, 0n];
  const registry = { to: network.memberRegistry, abi: memberRegistryAbi };
  await writer.write({ ...registry, functionName: 'setSigner', args });
  await client.setBalance({ address: signer, value: parseEther('1000') });
  return key;
}

/** Both venues' stores; the venue at work works here, the other in a process of its own. */
export async function startNodes(
  fixture: NetworkFixture,
  urls: VenueUrls,
  atWork: BenchVenue,
): Promise<Record<BenchVenue, SettlementNode>> {
  const { network } = fixture;
  const read = await readDirectory(fixture.client, network);
  const directory = {
    blockNumber: read.blockNumber,
    members: new Map(read.members.map((member) => [member.id, member])),
    instruments: new Map(read.instruments.map((instrument) => [instrument.id, instrument])),
    listings: read.listings,
  };
  const start = (venue: BenchVenue): Promise<SettlementNode> =>
    startSettlementNode({
      ...{ venue, idle: venue !== atWork, databaseUrl: urls[venue], chainId: network.chainId },
      ...{ settlement: network.settlement, finality: 1, pollIntervalMs: 30, indexTokens: false },
      client: createClient({ transport: http(fixture.rpcUrl, { retryCount: 0 }) }),
      signer: fixture.signers[venue] as NonNullable<(typeof fixture.signers)[string]>,
      directory: { current: () => directory, onChange: () => () => undefined },
    });
  return { alpha: await start('alpha'), beta: await start('beta') };
}

/** A trade at beta: alice buys 25 at 585.33, through the home venue alpha. */
export function tradeAt({ network }: NetworkFixture, tradeNumber: number): Execution {
  return {
    ...{ venue: 'beta', executionId: `beta-${tradeNumber}`, tradeNumber, homeVenue: 'alpha' },
    ...{ instrument: network.instrument, price: 5_853_300, quantity: 25 },
    buyer: network.alice.address,
    seller: network.flowWallets['beta']?.address ?? '0x',
    executedAtMs: Date.now(),
  };
}
