import type { Instrument, Refusal, VenueId } from '@stoa/schema';
import type { VenueAdapter } from './venue-adapter.ts';

/** Takes an adapter's log lines: a fixed message and fields, never a secret. */
export interface AdapterLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/**
 * Whose wallet stands on the other side of a fill. A venue outside of the network names its own
 * accounts, if any; settlement needs a wallet.
 */
export interface Counterparties {
  /** The wallet of an account of the venue's; of one that is not listed, or not told, the clearing wallet. */
  walletOf(venueAccount: string | undefined): `0x${string}`;
}

/** What an adapter of a venue outside of the node is made with. */
export interface VenueAdapterNeeds {
  readonly venue: VenueId;
  /** What the venue lists in the network. */
  readonly instruments: readonly Instrument[];
  readonly counterparties: Counterparties;
  /** A folder that is the adapter's own and exists: for what must survive a crash. */
  readonly folder: string;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  readonly log: AdapterLog;
}

/**
 * One kind of adapter, as the file of the node's venue names it. A module that joins a venue exports
 * one as `venueAdapter`.
 */
export interface VenueAdapterKind<Settings = unknown> {
  /**
   * Reads the kind's own settings. File names in them are relative to `folder`, where the adapter file
   * is. The refusal's message names every mistake; nothing is sent anywhere yet.
   */
  parse(settings: unknown, folder: string): Settings | Refusal;
  /** Makes the adapter, which connects only when it is started. */
  create(settings: Settings, needs: VenueAdapterNeeds): VenueAdapter | Promise<VenueAdapter>;
}
