import type { Instrument } from '@stoa/schema';
import { rejectionOf } from '../../rejections.ts';
import {
  ListingCollector,
  MAX_VENUE_LISTINGS,
  type VenueListingStatus,
  type VenueListings,
} from '../../venue-listing.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { SessionRunner } from '../session/session-runner.ts';
import type { Delivery } from '../session/session-settings.ts';
import type { FixFields } from '../wire/fix-fields.ts';
import { readGroup } from '../wire/repeating-group.ts';
import { TAG } from '../wire/tags.ts';

export interface SecurityListNeeds {
  readonly dialect: Pick<Dialect, 'securityList'>;
  /** By the venue's symbols. */
  readonly symbols: ReadonlyMap<string, Instrument>;
  readonly runner: Pick<SessionRunner, 'isUp' | 'send'>;
  readonly answerTimeoutMs: number;
  readonly onProblem: (code: string, text: string) => void;
}

/** One asking, until all of it is answered. */
interface Asking {
  /** Requests that are not answered, by SecurityReqID(320). */
  readonly open: Set<string>;
  readonly found: ListingCollector;
  readonly answer: Promise<VenueListings>;
  readonly end: (answer: VenueListings) => void;
  readonly timer: NodeJS.Timeout;
}

/** SecurityStatus(965). Of the others nothing is said. */
const STATUSES: Readonly<Record<string, VenueListingStatus>> = {
  ...{ '1': 'active', '9': 'halted' },
  ...{ '2': 'inactive', '4': 'inactive', '5': 'inactive' },
};
/** SecurityRequestResult(560): the list follows, and there is none. */
const [LISTED, NONE_FOUND] = ['0', '2'] as const;
/** SecurityResponseType(323): rejected, and nothing that fits. */
const NOT_THERE: readonly (string | undefined)[] = ['5', '6'];
const REQUESTS: readonly (string | undefined)[] = ['x', 'c'];

/**
 * Asks a venue over FIX what it lists: with one SecurityListRequest(x), whose SecurityList(y) comes in
 * as many parts as it likes; or, where the venue has none, as FIX 4.2 has not, with a
 * SecurityDefinitionRequest(c) for each symbol that is configured.
 */
export class SecurityList {
  readonly #needs: SecurityListNeeds;
  readonly #bounds = new Int32Array(MAX_VENUE_LISTINGS + 1);
  #asking: Asking | undefined;
  #asked = 0;

  constructor(needs: SecurityListNeeds) {
    this.#needs = needs;
  }

  /** Whoever asks while it is being asked gets the same answer. */
  ask(): Promise<VenueListings> {
    const { dialect, runner } = this.#needs;
    if (dialect.securityList === undefined) return Promise.resolve(refused('list-not-offered'));
    if (!runner.isUp) return Promise.resolve(refused('not-ready'));
    if (this.#asking === undefined) {
      this.#asking = this.#begin();
      if (dialect.securityList === 'list') this.#requestAll(this.#asking);
      else this.#requestEach(this.#asking);
    }
    return this.#asking.answer;
  }

  /** Takes what belongs to it; false where that is something else. */
  take({ fields, msgType }: Pick<Delivery, 'fields' | 'msgType'>): boolean {
    if (msgType === 'y') this.#takeList(fields);
    else if (msgType === 'd') this.#takeDefinition(fields);
    else if (msgType === 'j' || msgType === '3') {
      if (!REQUESTS.includes(fields.text(TAG.RefMsgType))) return false;
      this.#fail(fields.text(TAG.Text) ?? 'it takes no such request');
    } else return false;
    return true;
  }

  /** The session is down: no answer comes any more. */
  lose(): void {
    this.#end(refused('not-ready'));
  }

  #begin(): Asking {
    const { promise: answer, resolve: end } = Promise.withResolvers<VenueListings>();
    const timer = setTimeout(
      () => this.#fail('it did not answer in time'),
      this.#needs.answerTimeoutMs,
    );
    return { open: new Set(), found: new ListingCollector(), answer, end, timer };
  }

  #requestAll({ open }: Asking): void {
    const id = this.#nextId();
    open.add(id);
    // SecurityListRequestType(559) 4: all securities.
    this.#needs.runner.send('x', (writer) =>
      writer.text(TAG.SecurityReqID, id).text(TAG.SecurityListRequestType, '4'),
    );
  }

  #requestEach({ open }: Asking): void {
    for (const symbol of this.#needs.symbols.keys()) {
      const id = this.#nextId();
      open.add(id);
      // SecurityRequestType(321) 0: identity and specifications.
      this.#needs.runner.send('c', (writer) =>
        writer
          .text(TAG.SecurityReqID, id)
          .text(TAG.SecurityRequestType, '0')
          .text(TAG.Symbol, symbol),
      );
    }
    this.#endWhenAnswered();
  }

  #takeList(fields: FixFields): void {
    const asking = this.#askedWith(fields);
    if (asking === undefined) return;
    const result = fields.text(TAG.SecurityRequestResult) ?? LISTED;
    if (result !== LISTED && result !== NONE_FOUND) {
      return this.#fail(fields.text(TAG.Text) ?? `result ${result}`);
    }
    const entries = readGroup(fields, TAG.NoRelatedSym, this.#bounds);
    if (entries < 0) return this.#fail('it announces other entries than it has, or too many');
    for (let entry = 0; entry < entries; entry += 1) {
      this.#add(fields, asking, this.#bounds[entry], this.#bounds[entry + 1]);
    }
    const total = fields.int(TAG.TotNoRelatedSym) ?? entries;
    if (fields.flag(TAG.LastFragment) ?? asking.found.size >= total) this.#answered(fields, asking);
  }

  #takeDefinition(fields: FixFields): void {
    const asking = this.#askedWith(fields);
    if (asking === undefined) return;
    if (!NOT_THERE.includes(fields.text(TAG.SecurityResponseType))) this.#add(fields, asking);
    this.#answered(fields, asking);
  }

  #add(fields: FixFields, { found }: Asking, from = 0, to = fields.count): void {
    const at = (tag: number) => fields.text(tag, from, to);
    const symbol = at(TAG.Symbol);
    // SecurityIDSource(22) 4 is ISIN.
    const isin = at(TAG.SecurityIDSource) === '4' ? at(TAG.SecurityID) : undefined;
    found.add({
      ...{ symbol, instrument: this.#needs.symbols.get(symbol ?? '')?.id, isin },
      ...{ tickSize: at(TAG.MinPriceIncrement), lotSize: at(TAG.RoundLot) },
      status: STATUSES[at(TAG.SecurityStatus) ?? ''],
    });
  }

  /** What answers a request that was given up, or none of ours, is of no use. */
  #askedWith(fields: FixFields): Asking | undefined {
    const asking = this.#asking;
    return asking?.open.has(fields.text(TAG.SecurityReqID) ?? '') ? asking : undefined;
  }

  #answered(fields: FixFields, { open }: Asking): void {
    open.delete(fields.text(TAG.SecurityReqID) ?? '');
    this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    if (this.#asking?.open.size === 0) this.#end(this.#asking.found.told());
  }

  #fail(text: string): void {
    if (this.#asking === undefined) return;
    this.#needs.onProblem('LIST_UNREAD', `The venue did not say what it lists: ${text}`);
    this.#end(refused('list-unread'));
  }

  #end(answer: VenueListings): void {
    const asking = this.#asking;
    if (asking === undefined) return;
    this.#asking = undefined;
    clearTimeout(asking.timer);
    asking.end(answer);
  }

  #nextId(): string {
    this.#asked += 1;
    return `L${this.#asked}`;
  }
}

function refused(reason: Parameters<typeof rejectionOf>[0]): VenueListings {
  return { outcome: 'refused', rejection: rejectionOf(reason) };
}
