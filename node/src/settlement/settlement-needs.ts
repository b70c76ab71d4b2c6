import type {
  DirectorySource,
  InstrumentId,
  MemberId,
  OrderMessageBody,
  VenueId,
} from '@stoa/schema';
import type { Registry } from 'prom-client';
import type { Address, Client } from 'viem';
import type { Database, Transaction } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Finality } from './chain-position.ts';
import type { SettlementSigner } from './settlement-signer.ts';

/** How this node settles. */
export interface SettlementOptions {
  readonly venue: VenueId;
  readonly chainId: number;
  /** The Settlement contract. */
  readonly settlement: Address;
  /** Which block counts as final: the chain's own word, or that many confirmations (1: the newest). */
  readonly finality: Finality;
  /** From batch to deadline, for batches of this home; default one hour. */
  readonly settleWithinS?: number;
  /** The farthest deadline this venue signs for another home; default one day. */
  readonly maxSettleWithinS?: number;
  /** How long an order's trades wait for others to share their batch; default 0, not at all. */
  readonly batchWaitMs?: number;
  /** Legs with which a batch is full, at most the contracts' own limit, which is the default. */
  readonly legsPerBatch?: number;
  /** Between looks at the chain while something is open; default 250. */
  readonly pollIntervalMs?: number;
  /** The same while nothing is; default 1,000. */
  readonly idlePollIntervalMs?: number;
  /** Gas for one leg; default the contracts' measured figure. Costly compliance modules need more. */
  readonly gasPerLeg?: bigint;
  /** A transaction that is in no block for so long is signed again with higher fees; default 30 s. */
  readonly stuckAfterMs?: number;
  /** The most this venue pays for a unit of gas, in wei, tip included; default 500 gwei. */
  readonly maxFeePerGas?: bigint;
  /** From a failure to the first new attempt; default 10 s, doubling with each. */
  readonly retryAfterMs?: number;
  /** Whether the instruments' tokens are followed, for cap tables; default true. */
  readonly indexTokens?: boolean;
  /** The first block to follow them from; default the chain's first. */
  readonly indexFromBlock?: bigint;
  /** Where an order needs a mandate of its investor, whatever the account declared; default nowhere. */
  readonly mandatesRequiredFor?: ReadonlySet<InstrumentId> | 'all';
  /** Between comparisons of database, venue and chain; default one minute. */
  readonly reconcileIntervalMs?: number;
}

/** What settlement is given. */
export interface SettlementNeeds {
  readonly db: Database;
  /** Its transport bounds every call. */
  readonly client: Client;
  /** Signs instructions as the venue's signer, and pays for the transactions. */
  readonly signer: SettlementSigner;
  readonly directory: DirectorySource;
  /** Writes a message to another member into the outbox, in the given transaction. */
  readonly send: (tx: Transaction, to: MemberId, body: OrderMessageBody) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

/** Bodies of order messages that are settlement's. */
export type SettlementMessage = Extract<OrderMessageBody, { kind: `settlement-${string}` }>;
