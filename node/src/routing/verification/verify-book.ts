import { type BookEntry, formatDecimal, type StatusEntry } from '@stoa/schema';
import { InstrumentBook } from '../../market/consolidated-book.ts';
import { entryOffence } from '../../market/judge-entry.ts';
import { instrumentOf } from '../receipts/directory-extract.ts';
import type { DecisionBody, DecisionVenue, DirectoryExtract } from '../receipts/receipt.ts';
import type { OpenedFrame } from '../receipts/signed-evidence.ts';
import type { RouteInput } from '../route.ts';
import { type Findings, timeInWords } from './verification.ts';
import type { EvidenceFile } from './verify-evidence.ts';

/** How far clocks of members may be apart; what is further apart is not true. */
export const CLOCK_SKEW_MS = 2_000;

interface BookContext {
  readonly evidence: EvidenceFile;
  readonly findings: Findings;
  readonly nowMs: number;
}

/** What the frames say of one venue. */
interface Shown {
  readonly book: BookEntry | undefined;
  readonly status: StatusEntry | undefined;
}

/** Makes the decision's book anew from the signed frames, and from nothing else. */
export function rebuildBook(
  body: DecisionBody,
  extract: DirectoryExtract,
  context: BookContext,
): RouteInput['book'] {
  const { id } = extract.instrument;
  const states = new Map(body.venues.map(({ venue, state }) => [venue, state]));
  const book = new InstrumentBook(id);
  const listings = extract.listings.map(({ venue, status }) => ({
    ...{ instrument: id, venue, status, exemption: 'registered' as const, evidenceHash: '' },
  }));
  book.list(
    listings.filter(({ venue }) => states.has(venue)),
    (venue) => states.get(venue) ?? 'silent',
    context.nowMs,
  );
  for (const venue of body.venues) {
    const shown = readVenue(venue, { body, extract }, context);
    if (shown?.book) book.applyBook(venue.venue, shown.book, 1, context.nowMs);
    if (shown?.status) book.applyStatus(venue.venue, shown.status, 1, context.nowMs);
  }
  const { venues } = book.view(context.nowMs);
  return { instrument: id, asOfMs: 0, venues };
}

type Named = readonly [part: 'book' | 'status' | 'latest', frame: OpenedFrame];

function readVenue(
  venue: DecisionVenue,
  of: { readonly body: DecisionBody; readonly extract: DirectoryExtract },
  context: BookContext,
): Shown | undefined {
  const { findings } = context;
  const subject = `round ${of.body.round}, ${venue.venue}`;
  const frames = openFrames(subject, venue, of.extract, context);
  if (!frames) return undefined;
  const { instrument } = of.extract;
  const [book, status] = (['book', 'status'] as const).map((part) => {
    const frame = frames.find(([name]) => name === part)?.[1];
    return frame && lastEntry(frame, part, instrument.id);
  });
  if ((venue.book !== undefined && !book) || (venue.status !== undefined && !status)) {
    const text = 'A frame does not say what it is shown for.';
    findings.failed(subject, 'FRAME_SAYS_NOTHING', text);
    return undefined;
  }
  const offence = book && entryOffence(book, instrumentOf(of.extract), Number.POSITIVE_INFINITY);
  if (offence) {
    findings.failed(subject, offence.code, offence.message);
    return undefined;
  }
  if (
    venue.state === 'live' &&
    !isLatest(subject, venue, { frames, instrument: instrument.id }, findings)
  ) {
    return undefined;
  }
  if (!isStateTrue(subject, venue, { frames, staleAfterMs: of.body.staleAfterMs }, context)) {
    return undefined;
  }
  const shown = {
    book: book?.kind === 'book' ? book : undefined,
    status: status?.kind === 'status' ? status : undefined,
  };
  describe(subject, shown, { venue, extract: of.extract }, findings);
  return shown;
}

/** The venue's frames, each signed by it, of one start of its node, and not of the future. */
function openFrames(
  subject: string,
  venue: DecisionVenue,
  extract: DirectoryExtract,
  { evidence, findings, nowMs }: BookContext,
): Named[] | undefined {
  const frames: Named[] = [];
  for (const part of ['book', 'status', 'latest'] as const) {
    const hash = venue[part];
    if (hash === undefined) continue;
    const opened = evidence.frame(hash);
    if (!opened) {
      findings.failed(subject, 'EVIDENCE_MISSING', `The ${part} frame is not in the file.`);
      return undefined;
    }
    const { frame } = opened;
    if (frame.venue !== venue.venue || !evidence.isVenuesFrame(hash, opened, extract)) {
      findings.failed(
        subject,
        'SIGNATURE_INVALID',
        `The ${part} frame is not signed by ${venue.venue}.`,
      );
      return undefined;
    }
    if (frame.sentAtMs > nowMs + CLOCK_SKEW_MS) {
      findings.failed(
        subject,
        'FRAME_FROM_FUTURE',
        `The ${part} frame is later than the decision.`,
      );
      return undefined;
    }
    frames.push([part, opened]);
  }
  const epochs = new Set(frames.map(([, { frame }]) => frame.epoch));
  if (epochs.size > 1) {
    findings.failed(subject, 'EPOCHS_DIFFER', 'The frames are of different starts of its node.');
    return undefined;
  }
  return frames;
}

/** None of the frames at hand says anything newer than what was used. */
function isLatest(
  subject: string,
  venue: DecisionVenue,
  { frames, instrument }: { readonly frames: readonly Named[]; readonly instrument: string },
  findings: Findings,
): boolean {
  for (const part of ['book', 'status'] as const) {
    const used = frames.find(([name]) => name === part)?.[1].frame.sequence ?? 0;
    const newer = frames.some(
      ([, opened]) => opened.frame.sequence > used && lastEntry(opened, part, instrument),
    );
    if (!newer) continue;
    const text = `A later frame of ${venue.venue} says another ${part} than the one that was used.`;
    findings.failed(subject, part === 'book' ? 'NEWER_BOOK' : 'NEWER_STATUS', text);
    return false;
  }
  return true;
}

/** Whether the state that the home node gives the venue's quotes can be true, as its frames go. */
function isStateTrue(
  subject: string,
  { venue, state }: DecisionVenue,
  { frames, staleAfterMs }: { readonly frames: readonly Named[]; readonly staleAfterMs: number },
  { findings, nowMs }: BookContext,
): boolean {
  const latest = frames.find(([part]) => part === 'latest')?.[1].frame;
  const ageMs = latest ? nowMs - latest.sentAtMs : Number.POSITIVE_INFINITY;
  const oldestLiveMs = 2 * (staleAfterMs + CLOCK_SKEW_MS);
  if (state === 'live' && ageMs > oldestLiveMs) {
    const text = `${venue} is called live, and no frame of it is recent.`;
    findings.failed(subject, 'STATE_CONTRADICTED', text);
    return false;
  }
  const isGone = state === 'stale' || state === 'silent';
  if (isGone && ageMs < staleAfterMs - CLOCK_SKEW_MS) {
    const text = `${venue} is called ${state}, and had sent a frame ${ageMs} ms before.`;
    findings.failed(subject, 'STATE_CONTRADICTED', text);
    return false;
  }
  return true;
}

function describe(
  subject: string,
  { book, status }: Shown,
  { venue, extract }: { readonly venue: DecisionVenue; readonly extract: DirectoryExtract },
  findings: Findings,
): void {
  const { priceDecimals, quantityDecimals } = extract.instrument;
  const top = (side: 'bids' | 'offers'): string => {
    const best = book?.[side][0];
    if (!best) return 'none';
    const amount = formatDecimal(best.quantity, quantityDecimals);
    return `${amount} at ${formatDecimal(best.price, priceDecimals)}`;
  };
  if (book) {
    const until = timeInWords(book.validUntilMs);
    const firm = book.firm ? 'firm' : 'indicative';
    findings.proven(
      subject,
      `Signed by ${venue.venue}: a ${firm} book, best bid ${top('bids')}, best offer ${top('offers')}, valid until ${until}.`,
    );
  }
  if (status?.state === 'halted') {
    findings.proven(subject, `Signed by ${venue.venue}: trading is halted (${status.authority}).`);
  }
  if (venue.state !== 'live') {
    const text = `Its quotes were ${venue.state} to the home node: the home node’s own word.`;
    findings.stated(subject, text);
  } else if (!book) {
    findings.stated(subject, 'It showed nothing of the instrument: the home node’s own word.');
  }
}

/** Within a frame the last word counts. */
function lastEntry(
  { frame }: OpenedFrame,
  kind: 'book' | 'status',
  instrument: string,
): BookEntry | StatusEntry | undefined {
  return frame.entries.findLast(
    (entry): entry is BookEntry | StatusEntry =>
      entry.kind === kind && entry.instrument === instrument,
  );
}
