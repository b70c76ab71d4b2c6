import type { TimeInForce } from '@stoa/schema';
import type { RfqCapability, VenueCapabilities } from '../venue-adapter.ts';
import type { VenueBench, VenueDriver } from './venue-bench.ts';

/** One thing that an adapter must do. */
export interface KitCase {
  readonly about: string;
  /** Numbers of the conformance list. */
  readonly covers: readonly number[];
  /** What the adapter must be able to, or else the case is skipped and said to be. */
  readonly capability?: keyof VenueCapabilities;
  /** What it must not be able to, likewise: the case is about how it says so. */
  readonly lacks?: keyof VenueCapabilities;
  /** How long orders must be able to live, or else likewise. */
  readonly timesInForce?: readonly TimeInForce[];
  /** What it must be able to negotiate, likewise. */
  readonly rfq?: keyof RfqCapability;
  /** What the venue must be driven to, or else likewise. */
  readonly drivers?: readonly (keyof VenueDriver)[];
  /** `skip` ends a case in which it turns out that there is nothing to try, with the reason. */
  readonly run: (
    bench: VenueBench,
    drive: Required<VenueDriver>,
    skip: (reason: string) => never,
  ) => Promise<void>;
}
