import type { InstrumentId, MemberId } from './ids.ts';
import type { Instrument, Listing } from './instrument.ts';
import type { Member } from './member.ts';

/** What the on-chain registries say, read at one block. */
export interface Directory {
  readonly blockNumber: bigint;
  readonly members: ReadonlyMap<MemberId, Member>;
  readonly instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly listings: readonly Listing[];
}

/** The directory as it is now; kept up to date by whoever owns it. */
export interface DirectorySource {
  current(): Directory;
  /** Calls after every change; the returned function ends it. */
  onChange(listener: (directory: Directory) => void): () => void;
}
