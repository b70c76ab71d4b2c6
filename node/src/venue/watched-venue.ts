import {
  LINK_STATES,
  type LinkState,
  PassingVenue,
  type Receipt,
  type VenueAdapter,
  type VenueEvent,
  type VenueRequest,
} from '@stoa/adapters';
import type { Instrument } from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import { ListingCheck, type ListingComparison } from './listing-check.ts';

/** How the venue behind this node is connected, for its operator. */
export interface VenueLink {
  /** Kind of the adapter, as the venue adapter file has it. */
  readonly adapter: string;
  readonly state: LinkState;
  readonly sinceMs: number;
  /** What the adapter said of it last, where it said something. */
  readonly reason: string | undefined;
}

export interface WatchedVenueNeeds {
  /** What is listed of the venue here. */
  readonly instruments: readonly Instrument[];
  readonly metrics: Registry;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

const MAX_REASON_CHARACTERS = 512;

/**
 * The venue's adapter, watched on its way: what its link does, what it is asked and how that ends is
 * counted, logged and shown. It changes nothing of what passes. Whenever the venue is there, it is
 * asked what it lists.
 */
export class WatchedVenue extends PassingVenue {
  readonly #kind: string;
  readonly #needs: WatchedVenueNeeds;
  readonly #requests: Counter<'kind' | 'outcome'>;
  readonly #refusals: Counter<'kind' | 'code'>;
  readonly #listings: ListingCheck;
  #told: Omit<VenueLink, 'adapter'>;

  constructor(kind: string, adapter: VenueAdapter, needs: WatchedVenueNeeds) {
    super(adapter);
    this.#kind = kind;
    this.#needs = needs;
    this.#told = { state: adapter.link, sinceMs: needs.nowMs(), reason: undefined };
    this.#listings = new ListingCheck({ ...needs, adapter, configured: needs.instruments });
    const registers = [needs.metrics];
    this.#requests = new Counter({
      name: 'stoa_venue_requests_total',
      help: 'What the venue was asked, by how that ended: taken, refused before the wire, or not known.',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'stoa_venue_refusals_total',
      help: 'What the venue or its adapter refused, by its code.',
      labelNames: ['kind', 'code'],
      registers,
    });
    new Gauge({
      name: 'stoa_venue_link_state',
      help: 'The state that the connection to the venue is in is 1, the others are 0.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of LINK_STATES) this.set({ state }, state === adapter.link ? 1 : 0);
      },
    });
  }

  /** The connection as it is now. */
  connection(): VenueLink {
    const { state, sinceMs, reason } = this.#told;
    const now = this.link;
    // What the adapter says comes when it is delivered; what it is, it is now.
    return now === state
      ? { adapter: this.#kind, state, sinceMs, reason }
      : { adapter: this.#kind, state: now, sinceMs: this.#needs.nowMs(), reason: undefined };
  }

  /** What the venue lists beside what is configured here: as it said a moment ago, or asked anew. */
  listings(): Promise<ListingComparison> {
    return this.#listings.compared();
  }

  /** One sentence while the venue takes no orders; none while it does. */
  readiness(): readonly string[] {
    const { state, reason } = this.connection();
    if (state === 'ready') return [];
    return [`venue: ${state}${reason === undefined ? '' : `: ${reason}`}`];
  }

  override async submit(request: VenueRequest): Promise<Receipt> {
    const { kind } = request;
    const receipt = await super.submit(request);
    this.#requests.inc({ kind, outcome: receipt.outcome });
    if (receipt.outcome === 'refused') this.#refusals.inc({ kind, code: receipt.rejection.code });
    return receipt;
  }

  protected override seen(event: VenueEvent): void {
    switch (event.kind) {
      case 'link':
        return this.#linked(event.state, event.reason?.slice(0, MAX_REASON_CHARACTERS));
      case 'rejected':
        this.#refusals.inc({ kind: 'new', code: event.rejection.code });
        return;
      case 'cancel-rejected':
        this.#refusals.inc({ kind: 'cancel', code: event.rejection.code });
        return;
      case 'replace-rejected':
        this.#refusals.inc({ kind: 'replace', code: event.rejection.code });
        return;
      default:
    }
  }

  #linked(state: LinkState, reason: string | undefined): void {
    const { logger, nowMs } = this.#needs;
    if (state === this.#told.state && reason === this.#told.reason) return;
    if (state === 'ready' && state !== this.#told.state) void this.#listings.again();
    const sinceMs = state === this.#told.state ? this.#told.sinceMs : nowMs();
    this.#told = { state, sinceMs, reason };
    const level = state === 'degraded' || state === 'connecting' ? 'warn' : 'info';
    logger[level]({ adapter: this.#kind, state, reason }, 'venue link');
  }
}
