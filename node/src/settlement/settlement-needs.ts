import type { DirectorySource, MemberId, OrderMessageBody, VenueId } from '@stoa/schema';
import type { Registry } from 'prom-client';
import type { Address, Client, LocalAccount } from 'viem';
import type { Database, Transaction } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How this node settles. */
export interface SettlementOptions {
  readonly venue: VenueId;
  readonly chainId: number;
  /** The Settlement contract. */
  readonly settlement: Address;
  /** Which block counts as final: the chain's own word, or that many confirmations (1: the newest). */
  readonly finality: 'finalized' | number;
  /** From batch to deadline, for batches of this home; default one hour. */
  readonly settleWithinS?: number;
  /** The farthest deadline this venue signs for another home; default one day. */
  readonly maxSettleWithinS?: number;
  /** Between looks at the chain while something is open; default 250. */
  readonly pollIntervalMs?: number;
  /** The same while nothing is; default 1,000. */
  readonly idlePollIntervalMs?: number;
  /** Gas for one leg; default the contracts' measured figure. Costly compliance modules need more. */
  readonly gasPerLeg?: bigint;
}

/** What settlement is given. */
export interface SettlementNeeds {
  readonly db: Database;
  /** Its transport bounds every call. */
  readonly client: Client;
  /** Signs instructions as the venue's signer, and pays for the transactions. */
  readonly signer: LocalAccount;
  readonly directory: DirectorySource;
  /** Writes a message to another member into the outbox, in the given transaction. */
  readonly send: (tx: Transaction, to: MemberId, body: OrderMessageBody) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

/** Bodies of order messages that are settlement's. */
export type SettlementMessage = Extract<OrderMessageBody, { kind: `settlement-${string}` }>;
