import { parseDecimal, phaseAt, type VenueTerms } from '@stoa/schema';
import type { DecisionBody, DirectoryExtract } from '../receipts/receipt.ts';
import type { RouteInput } from '../route.ts';
import { compileFees, MONTHLY_NOTIONAL_DECIMALS } from '../venue-cost.ts';
import type { Findings } from './verification.ts';
import { type EvidenceFile, memberOf } from './verify-evidence.ts';

interface ExclusionContext {
  readonly evidence: EvidenceFile;
  readonly findings: Findings;
  readonly askedBefore: ReadonlySet<string>;
}

interface Decided {
  readonly input: RouteInput;
  readonly extract: DirectoryExtract;
}

const LOOKED_BEFORE_MS = 1_000;
const STATUSES: ReadonlySet<string> = new Set(['proposed', 'halted', 'suspended', 'delisted']);

/**
 * Holds the reasons for which venues were left out against the evidence. Reasons that the router
 * finds itself (halted, indicative, expired and others) follow from the frames when it runs again.
 */
export function verifyExclusions(
  body: DecisionBody,
  decided: Decided,
  context: ExclusionContext,
): void {
  const { findings } = context;
  for (const [venue, reason] of decided.input.exclusions) {
    const subject = `round ${body.round}, ${venue}`;
    const isTrue = truthOf(venue, reason, { body, ...decided }, context);
    if (isTrue === undefined) {
      findings.stated(subject, `It was left out as "${reason}": the home node’s own word.`);
    } else if (isTrue) {
      findings.proven(subject, `It was left out as "${reason}", and the evidence bears it out.`);
    } else {
      const text = `It was left out as "${reason}", and the evidence says otherwise.`;
      findings.failed(subject, 'EXCLUSION_CONTRADICTED', text);
    }
  }
}

/** Whether a reason is borne out, or contradicted; undefined where nothing in the file can tell. */
function truthOf(
  venue: string,
  reason: string,
  { body, input, extract }: Decided & { readonly body: DecisionBody },
  { evidence, askedBefore }: ExclusionContext,
): boolean | undefined {
  const known = body.venues.find((each) => each.venue === venue);
  const message = evidence.message(known?.terms)?.message.body;
  const told = message?.kind === 'venue-terms' ? message.terms : undefined;
  const status = extract.listings.find((listing) => listing.venue === venue)?.status;
  if (STATUSES.has(reason)) return status === reason;
  switch (reason) {
    case 'not-listed':
      return status === undefined;
    case 'member-not-active':
      return memberOf(extract, venue)?.status !== 'active';
    case 'asked-before':
      return askedBefore.has(venue) || (venue === body.home && askedBefore.size > 0);
    case 'terms-unknown':
      return known?.terms === undefined ? undefined : !doTermsRead(told, extract);
    case 'closed': {
      if (!told) return undefined;
      // It was looked at a moment before the decision's time was taken.
      const moments = [input.nowMs, input.nowMs - LOOKED_BEFORE_MS];
      return moments.some((atMs) => phaseAt(told.calendar, atMs) !== 'open');
    }
    case 'not-directed':
      return input.order.strategy === 'directed' && input.order.directedTo !== venue;
    default:
      return undefined;
  }
}

/** Whether some tier of the fees can be reckoned with; terms of which none can are as good as unknown. */
function doTermsRead(terms: VenueTerms | undefined, { instrument }: DirectoryExtract): boolean {
  const notionalDecimals = instrument.priceDecimals + instrument.quantityDecimals;
  return (terms?.fees.tiers ?? []).some(({ fromNotional }) => {
    const monthlyNotional = parseDecimal(fromNotional, MONTHLY_NOTIONAL_DECIMALS);
    if (!terms || typeof monthlyNotional !== 'bigint') return false;
    const given = { monthlyNotional, notionalDecimals, legCost: '0' };
    return compileFees(terms.fees, given) !== undefined;
  });
}
