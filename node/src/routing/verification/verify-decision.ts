import { formatDecimal, isRefusal } from '@stoa/schema';
import { indexListings } from '../../market/listing-index.ts';
import { canonicalJson } from '../receipts/canonical-json.ts';
import { instrumentOf } from '../receipts/directory-extract.ts';
import type { DecisionBody, DirectoryExtract } from '../receipts/receipt.ts';
import { ROUTER_VERSION, type Route, type RouteInput } from '../route.ts';
import { routeInputFromJson } from '../route-json.ts';
import { route } from '../router.ts';
import { type Findings, timeInWords } from './verification.ts';
import { CLOCK_SKEW_MS, rebuildBook } from './verify-book.ts';
import type { EvidenceFile } from './verify-evidence.ts';
import { verifyExclusions } from './verify-exclusions.ts';
import { verifyTerms } from './verify-terms.ts';

/** A decision is recorded within so long after it was made. */
const MAX_RECORDING_MS = 60_000;
/** Rounds in which an order is sent on; after them what is left waits or ends. */
const MAX_ROUTED_ROUNDS = 3;

/** What a decision is verified in. */
export interface DecisionContext {
  readonly evidence: EvidenceFile;
  readonly findings: Findings;
  /** Venues to which legs went in earlier decisions of this receipt. */
  readonly askedBefore: ReadonlySet<string>;
}

/** Verifies one decision: what was known, that nothing is missing from it, and that the route follows. */
export function verifyDecision(body: DecisionBody, context: DecisionContext): void {
  const { evidence, findings } = context;
  const subject = `round ${body.round}`;
  const extract = evidence.directory(body.directory);
  if (!extract) {
    return findings.failed(
      subject,
      'EVIDENCE_MISSING',
      'The directory extract is not in the file.',
    );
  }
  const input = readInput(body, extract, context);
  if (!input) return;
  const before = findings.failures;
  verifyVenueList(body, extract, context);
  const book = rebuildBook(body, extract, { ...context, nowMs: input.nowMs });
  verifyTerms(body, { input, extract }, context);
  verifyExclusions(body, { input, extract }, context);
  if (findings.failures === before) replay(body, { input: { ...input, book }, extract }, context);
  verifyLegs(body, input, context);
}

/** The input's own facts, held against the directory and the revision. */
function readInput(
  body: DecisionBody,
  { instrument }: DirectoryExtract,
  { findings }: DecisionContext,
): RouteInput | undefined {
  const subject = `round ${body.round}`;
  const input = routeInputFromJson(body.input);
  if (isRefusal(input)) {
    findings.failed(subject, input.code, input.message);
    return undefined;
  }
  const isOfIt =
    input.book.instrument === instrument.id &&
    input.book.venues.length === 0 &&
    input.tickSize === instrument.tickSize &&
    input.lotSize === instrument.lotSize &&
    input.home === body.home;
  if (!isOfIt) {
    const text = 'The decision’s instrument, tick, lot or home is not the directory’s.';
    findings.failed(subject, 'INPUT_CONTRADICTS', text);
    return undefined;
  }
  const tookMs = body.atMs - input.nowMs;
  if (tookMs < -CLOCK_SKEW_MS || tookMs > MAX_RECORDING_MS) {
    const text = 'The decision was made at another time than it was recorded.';
    findings.failed(subject, 'TIME_CONTRADICTS', text);
    return undefined;
  }
  const { side, quantity, limitPrice, timeInForce } = input.order;
  const amount = formatDecimal(quantity, instrument.quantityDecimals);
  const limit =
    limitPrice === undefined
      ? 'at market'
      : `at ${formatDecimal(limitPrice, instrument.priceDecimals)} ${instrument.cashSymbol} or better`;
  const { settleable } = input.order;
  if (settleable) {
    const most = formatDecimal(settleable.quantity, instrument.quantityDecimals);
    const text = `No more than ${most} of it could settle (${settleable.code}): the home node’s own word.`;
    findings.stated(subject, text);
  }
  const at = timeInWords(input.nowMs);
  findings.stated(
    subject,
    `${body.home} decided at ${at}, by its own clock, on: ${side} ${amount} ${instrument.symbol} ${limit}, ${timeInForce}.`,
  );
  return input;
}

/** Every venue that lists the instrument is in the decision, used or left out with a reason. */
function verifyVenueList(
  body: DecisionBody,
  extract: DirectoryExtract,
  { findings }: DecisionContext,
): void {
  const subject = `round ${body.round}`;
  const { id } = extract.instrument;
  const index = indexListings({
    blockNumber: BigInt(extract.registry.blockNumber),
    members: new Map(extract.members.map((member) => [member.id, { ...member, signers: [] }])),
    instruments: new Map([[id, instrumentOf(extract)]]),
    listings: extract.listings.map(({ venue, status }) => ({
      ...{ instrument: id, venue, status, exemption: 'registered', evidenceHash: '' },
    })),
  });
  const listed = (index.listings.get(id) ?? []).map(({ venue }) => venue).sort();
  const seen = body.venues.map(({ venue }) => venue);
  if (canonicalJson(listed) !== canonicalJson(seen)) {
    const missing = listed.filter((venue) => !seen.includes(venue));
    const text =
      missing.length > 0
        ? `${missing.join(', ')} listed the instrument and is missing from the decision.`
        : 'The venues of the decision are not those that list the instrument.';
    return findings.failed(subject, 'VENUES_INCOMPLETE', text);
  }
  findings.proven(
    subject,
    `Every venue that lists the instrument, as the directory extract has it, is in the decision: ${listed.join(', ')}.`,
  );
}

/** The router again, with what the frames say. */
function replay(
  body: DecisionBody,
  { input, extract }: { readonly input: RouteInput; readonly extract: DirectoryExtract },
  { findings }: DecisionContext,
): void {
  const subject = `round ${body.round}`;
  if (body.route.routerVersion !== ROUTER_VERSION) {
    const text = `The rules were "${body.route.routerVersion}"; this program knows "${ROUTER_VERSION}" and cannot replay them.`;
    return findings.failed(subject, 'ROUTER_VERSION_UNKNOWN', text);
  }
  const again = route(input);
  if (canonicalJson(JSON.parse(JSON.stringify(again))) !== canonicalJson(body.route)) {
    const text = `The rules ${ROUTER_VERSION} lead to another route: ${inWords(again, extract)}.`;
    return findings.failed(subject, 'ROUTE_DIFFERS', text);
  }
  findings.proven(
    subject,
    `From the quotes, terms and exclusions above the rules ${ROUTER_VERSION} lead to this very route: ${inWords(again, extract)}.`,
  );
  tellPassedOver(subject, again, { input, extract }, findings);
  if (!again.exact) {
    findings.stated(subject, 'The search was cut short, so a better allocation is not ruled out.');
  }
}

/** A venue that was left out although it showed better than what was used: whoever reads should know. */
function tellPassedOver(
  subject: string,
  { exclusions, legs, unrouted }: Route,
  { input, extract }: { readonly input: RouteInput; readonly extract: DirectoryExtract },
  findings: Findings,
): void {
  const sign = input.order.side === 'buy' ? 1 : -1;
  const side = input.order.side === 'buy' ? 'offers' : 'bids';
  const limit = input.order.limitPrice ?? sign * Number.MAX_SAFE_INTEGER;
  // Where something was left unrouted, anything within the limit would have been better than nothing.
  const used = legs.map(({ limitPrice }) => limitPrice * sign);
  const worst = unrouted > 0 ? limit * sign + 1 : Math.max(...used);
  for (const { venue, reason } of exclusions) {
    const best = input.book.venues.find((each) => each.venue === venue)?.[side][0];
    if (!best || best.price * sign >= worst) continue;
    const { priceDecimals, quantityDecimals } = extract.instrument;
    const amount = formatDecimal(best.quantity, quantityDecimals);
    const text = `It showed ${amount} at ${formatDecimal(best.price, priceDecimals)}, which the order could have used, and was passed over as "${reason}".`;
    findings.stated(`${subject}, ${venue}`, text);
  }
}

/** What was sent is what was decided, and not more than there was to send. */
function verifyLegs(body: DecisionBody, input: RouteInput, { findings }: DecisionContext): void {
  const subject = `round ${body.round}`;
  const routed = body.legs.filter(({ purpose }) => purpose === 'route');
  const terms = routed.map(({ venue, quantity, limitPrice }) => ({ venue, quantity, limitPrice }));
  const isAsDecided = canonicalJson(terms) === canonicalJson(body.route.legs);
  const wasKept = routed.length === 0 && body.round > MAX_ROUTED_ROUNDS;
  if (!isAsDecided && !wasKept) {
    return findings.failed(subject, 'LEGS_DIFFER', 'The legs that were sent are not the route’s.');
  }
  const total = body.legs.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
  if (total > BigInt(input.order.quantity)) {
    return findings.failed(subject, 'LEGS_EXCEED', 'The legs are for more than was to be sent.');
  }
  const ids = new Set(body.legs.map(({ id }) => id));
  const ownIds = body.legs.every(({ id }) => id.startsWith(`${body.orderId}.`));
  if (ids.size !== body.legs.length || !ownIds) {
    return findings.failed(
      subject,
      'LEG_IDS',
      'The legs’ ids are not the order’s, or not distinct.',
    );
  }
  const { limitPrice, side } = input.order;
  const isWithin = (price: number) =>
    limitPrice === undefined || (side === 'buy' ? price <= limitPrice : price >= limitPrice);
  if (!body.legs.every((leg) => isWithin(leg.limitPrice))) {
    return findings.failed(subject, 'LEG_BEYOND_LIMIT', 'A leg’s limit is beyond the order’s.');
  }
  if (wasKept) {
    findings.stated(
      subject,
      'After three rounds nothing more was sent on; what was left waits or ended.',
    );
  } else
    findings.proven(
      subject,
      'The legs that were sent are the route’s, and for no more than the order.',
    );
}

function inWords(decided: Route, { instrument }: DirectoryExtract): string {
  if (decided.legs.length === 0) return 'nothing to send';
  return decided.legs
    .map(({ venue, quantity, limitPrice }) => {
      const amount = formatDecimal(quantity, instrument.quantityDecimals);
      return `${amount} at ${venue} up to ${formatDecimal(limitPrice, instrument.priceDecimals)}`;
    })
    .join(', ');
}
