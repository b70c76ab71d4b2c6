import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedVenue, type VenueAdapter, type VenueAdapterChoice } from '@stoa/adapters';
import type { Instrument } from '@stoa/schema';
import { TracedVenue } from '../tracing/traced-venue.ts';
import { WatchedVenue } from '../venue/watched-venue.ts';
import type { Base } from './base.ts';
import { venueJournal } from './venue-journal.ts';

const NO_ACCOUNT = `0x${'00'.repeat(20)}` as const;

/** The venue behind this node. */
export interface VenuePart {
  readonly adapter: WatchedVenue;
  /** Where the venue is this process's own engine: what it can beyond the port. */
  readonly embedded: EmbeddedVenue | undefined;
}

/**
 * The venue that the configuration names, not yet started. What its adapter must keep over a crash
 * goes into a folder of its own.
 *
 * @throws CodedError `VENUE_ADAPTER_INVALID`
 */
export async function openVenue(
  base: Base,
  instruments: readonly Instrument[],
): Promise<VenuePart> {
  const choice = base.config.STOA_VENUE_ADAPTER_FILE ?? { kind: 'embedded' };
  const adapter = await makeAdapter(base, choice, instruments);
  return {
    adapter: new WatchedVenue(choice.kind, traced(adapter, base), { ...base, instruments }),
    embedded: adapter instanceof EmbeddedVenue ? adapter : undefined,
  };
}

function traced(adapter: VenueAdapter, { tracing, nowMs }: Base): VenueAdapter {
  return tracing ? new TracedVenue(adapter, { tracing, nowMs }) : adapter;
}

async function makeAdapter(
  base: Base,
  choice: VenueAdapterChoice,
  instruments: readonly Instrument[],
): Promise<VenueAdapter> {
  const { config, logger, nowMs } = base;
  const { STOA_VENUE: venue } = config;
  if (!('create' in choice)) {
    return new EmbeddedVenue({
      ...{ venue, instruments, nowMs, calendar: config.STOA_VENUE_TERMS_FILE?.calendar },
      flowOwner: { member: venue, account: config.STOA_FLOW_ACCOUNT ?? NO_ACCOUNT },
      onSinkError: (cause) => logger.error({ err: cause }, 'venue events could not be recorded'),
      journal: venueJournal(base),
    });
  }
  const folder = choice.journalFolder ?? join(config.STOA_DATA_DIR ?? '', 'venue-adapter');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const log = logger.child({ adapter: choice.kind });
  return choice.create({ venue, instruments, folder, nowMs, log });
}
