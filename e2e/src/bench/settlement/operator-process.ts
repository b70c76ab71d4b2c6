import { setTimeout as sleep } from 'node:timers/promises';
import { readDirectory } from '@stoa/contracts';
import { startSettlementNode } from '@stoa/node/testing/settlement-node';
import { type Address, createClient, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

/** What a venue's settlement in a process of its own is started with, as JSON in its first argument. */
export interface OperatorOptions {
  readonly venue: 'alpha' | 'beta';
  readonly rpcUrl: string;
  readonly databaseUrl: string;
  /** The other venue's store, whose outbox this process takes its messages from. */
  readonly peerDatabaseUrl: string;
  readonly chainId: number;
  readonly settlement: Address;
  readonly memberRegistry: Address;
  readonly listingRegistry: Address;
  readonly signerKey: Hex;
  /** How long an order's trades wait for others to share their batch; absent: it has no orders of its own. */
  readonly batchWaitMs?: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as OperatorOptions;
const client = createClient({ transport: http(options.rpcUrl, { retryCount: 0, timeout: 5_000 }) });
const read = await readDirectory(client, options);
const directory = {
  blockNumber: read.blockNumber,
  members: new Map(read.members.map((member) => [member.id, member])),
  instruments: new Map(read.instruments.map((instrument) => [instrument.id, instrument])),
  listings: read.listings,
};
const { chainId, settlement } = options;
const shared = {
  ...{ chainId, settlement, client, finality: 1, pollIntervalMs: 30, idlePollIntervalMs: 30 },
  signer: privateKeyToAccount(options.signerKey),
  directory: { current: () => directory, onChange: () => () => undefined },
  indexTokens: false,
  batchWaitMs: options.batchWaitMs ?? 0,
} as const;
const node = await startSettlementNode({
  ...shared,
  venue: options.venue,
  databaseUrl: options.databaseUrl,
});
const other = options.venue === 'alpha' ? 'beta' : 'alpha';
const peer = await startSettlementNode({
  ...shared,
  ...{ venue: other, databaseUrl: options.peerDatabaseUrl, idle: true },
});

process.on('disconnect', () => process.exit(0));
process.send?.('ready');
// Until it is killed: what it does at any moment is what it may be killed in.
for (;;) {
  // It looks at every trade there is, which a venue that only executes need not pay for.
  const ungrouped = options.batchWaitMs === undefined ? [] : await node.ungrouped();
  for (const orderId of ungrouped) await node.service.closeGroup(orderId);
  await node.receiveFrom(other, peer);
  await sleep(10);
}
