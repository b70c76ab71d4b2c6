import type { Instrument, OrderOwner, TradingCalendar, VenueId } from '@stoa/schema';
import type { SelfTradeAction } from './engine-types.ts';
import type { BookRecovery } from './journal/book-recovery.ts';

export interface EmbeddedVenueOptions {
  readonly venue: VenueId;
  readonly instruments: readonly Instrument[];
  /** Whose the recorded flow's orders are. Its wallet settles what members trade with the flow. */
  readonly flowOwner: OrderOwner;
  /** Unix time, milliseconds: the time of executions. Each start must find it later than the last. */
  readonly nowMs: () => number;
  /** Told when the sink fails; the delivery is repeated. */
  readonly onSinkError?: (cause: unknown) => void;
  /** When orders are taken and trade; undefined: at all times. */
  readonly calendar?: TradingCalendar | undefined;
  /** Calls back once after so many milliseconds; the answer cancels it. Default: the process's timers. */
  readonly timer?: (delayMs: number, call: () => void) => () => void;
  /**
   * Which orders never trade with each other, and what becomes of them. Default: those of one wallet,
   * of which the newer is canceled; two investors of one broker may meet.
   */
  readonly selfTrade?:
    | { readonly within: 'account' | 'member'; readonly action: SelfTradeAction }
    | 'allowed';
  /** Keeps the books in this folder, so that they survive a crash with their queues. */
  readonly journal?: VenueJournalOptions | undefined;
}

export interface VenueJournalOptions {
  readonly folder: string;
  /** Whether orders of the recorded flow are kept over a restart. Default: not. */
  readonly keepFlow?: boolean;
  /** A snapshot of the books is taken after so many operations. Default: a million. */
  readonly operationsASegment?: number;
  /** Told at each start what was found, and where it differed from the members' open orders. */
  readonly onRecovered?: (recovery: BookRecovery) => void;
}
