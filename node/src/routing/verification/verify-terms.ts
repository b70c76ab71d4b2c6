import { formatDecimal, parseDecimal, type VenueTerms } from '@stoa/schema';
import type { DecisionBody, DecisionVenue, DirectoryExtract } from '../receipts/receipt.ts';
import type { RouteInput, RouteVenue } from '../route.ts';
import { compileFees, MONTHLY_NOTIONAL_DECIMALS } from '../venue-cost.ts';
import type { Findings } from './verification.ts';
import type { EvidenceFile } from './verify-evidence.ts';

interface TermsContext {
  readonly evidence: EvidenceFile;
  readonly findings: Findings;
}

interface Decided {
  readonly input: RouteInput;
  readonly extract: DirectoryExtract;
}

/** Holds what each venue was reckoned to cost against the terms that it signed. */
export function verifyTerms(body: DecisionBody, decided: Decided, context: TermsContext): void {
  for (const venue of body.venues) {
    const subject = `round ${body.round}, ${venue.venue}`;
    const reckoned = decided.input.venues.get(venue.venue);
    if (venue.terms === undefined) {
      if (reckoned) {
        const text = 'Its costs were reckoned, and its terms are not in the receipt.';
        context.findings.failed(subject, 'TERMS_MISSING', text);
      }
      continue;
    }
    const terms = signedTerms(subject, venue, { body, ...decided }, context);
    if (terms && reckoned) holdAgainst(subject, terms, { reckoned, ...decided }, context.findings);
  }
  for (const venue of decided.input.venues.keys()) {
    if (body.venues.some((each) => each.venue === venue)) continue;
    const text = `Costs of ${venue} were reckoned, which is not among the venues.`;
    context.findings.failed(`round ${body.round}`, 'TERMS_OF_NOBODY', text);
  }
}

/** The terms that a venue told this home node, if its signature holds. */
function signedTerms(
  subject: string,
  venue: DecisionVenue,
  { body, extract }: { readonly body: DecisionBody; readonly extract: DirectoryExtract },
  { evidence, findings }: TermsContext,
): VenueTerms | undefined {
  const opened = evidence.message(venue.terms);
  if (venue.terms === undefined || !opened) {
    findings.failed(subject, 'EVIDENCE_MISSING', 'The message with its terms is not in the file.');
    return undefined;
  }
  const { message } = opened;
  const isItsOwn =
    message.from === venue.venue &&
    message.to === body.home &&
    message.body.kind === 'venue-terms' &&
    evidence.isSendersMessage(venue.terms, opened, extract);
  if (!isItsOwn || message.body.kind !== 'venue-terms') {
    findings.failed(subject, 'SIGNATURE_INVALID', `Its terms are not signed by ${venue.venue}.`);
    return undefined;
  }
  return message.body.terms;
}

function holdAgainst(
  subject: string,
  terms: VenueTerms,
  { reckoned, extract }: { readonly reckoned: RouteVenue; readonly extract: DirectoryExtract },
  findings: Findings,
): void {
  const { instrument } = extract;
  const notionalDecimals = instrument.priceDecimals + instrument.quantityDecimals;
  const { cost } = reckoned;
  // The tier depends on what the member traded there this month, which only its home node knows.
  const isOneOfThem = terms.fees.tiers.some(({ fromNotional }) => {
    const monthlyNotional = parseDecimal(fromNotional, MONTHLY_NOTIONAL_DECIMALS);
    if (typeof monthlyNotional !== 'bigint') return false;
    const taker = compileFees(terms.fees, {
      monthlyNotional,
      notionalDecimals,
      legCost: '0',
    })?.taker;
    return (
      taker?.takerPpm === cost.takerPpm && taker.minimum === cost.minimum && taker.cap === cost.cap
    );
  });
  if (!isOneOfThem || reckoned.minimumLots !== Math.max(1, terms.minimumLots)) {
    const text = 'Its costs were reckoned otherwise than its signed terms say.';
    return findings.failed(subject, 'TERMS_CONTRADICTED', text);
  }
  const tiers = terms.fees.tiers.length;
  const rate = formatDecimal(cost.takerPpm, 4);
  findings.proven(
    subject,
    `Its fee for taking, ${rate} %, is as its signed terms (version ${terms.version}) say.`,
  );
  if (tiers > 1)
    findings.stated(subject, `Which of its ${tiers} fee tiers holds is the home node’s own word.`);
  if (cost.fixed > 0n) {
    const fixed = `${formatDecimal(cost.fixed, notionalDecimals)} ${instrument.cashSymbol}`;
    findings.stated(
      subject,
      `A leg there was reckoned to cost ${fixed} more: the home node’s own word.`,
    );
  }
  const { ownOppositePrice, agreed } = reckoned;
  if ([ownOppositePrice, agreed].some((bound) => bound !== undefined)) {
    const text =
      'What the investor’s own orders and agreements bound there is the home node’s own word.';
    findings.stated(subject, text);
  }
}
