import { z } from 'zod';
import { isInstrumentId, isMemberId } from './ids.ts';
import { TIMES_IN_FORCE } from './order.ts';
import { venueTerms } from './parse-venue-terms.ts';

const member = z.string().refine(isMemberId, 'not a member id');
const instrument = z.string().refine(isInstrumentId, 'not an instrument id');
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text as `0x${string}`);
const hex = z
  .string()
  .max(20_000)
  .regex(/^0x[0-9a-fA-F]*$/)
  .transform((text) => text as `0x${string}`);
const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const legId = z.string().min(1).max(64);
const text = z.string().max(512);
const code = z.string().max(64);
/** `<home>-q<code>`, and `<venue>-q<code>`: each node gives its own. */
const requestId = z.string().min(1).max(64);
const quoteId = z.string().min(1).max(64);
const side = z.enum(['buy', 'sell']);
/** One side of a firm quote. */
const quoteSide = z.strictObject({ price: positive, quantity: positive });
/** At most a day: what is left of a time by the sender's clock, so that clocks need not agree. */
const remainingMs = z.number().int().positive().max(86_400_000);
/** Amounts on chain go beyond 2^53, and JSON has no integers that large: decimal digits. */
const amount = z.string().regex(/^\d{1,78}$/);

/** A leg as the home node sends it to the executing venue. `legId` is its client order id there. */
export const legOrder = z.strictObject({
  legId,
  instrument,
  side: z.enum(['buy', 'sell']),
  timeInForce: z.enum(TIMES_IN_FORCE),
  quantity: positive,
  limitPrice: positive,
  /** Unix time, milliseconds; for `gtd`. */
  expireAtMs: positive.optional(),
  minQuantity: positive.optional(),
  allOrNone: z.boolean().optional(),
  /** The firm quote of the venue that the leg takes. FIX QuoteID(117). */
  quoteId: quoteId.optional(),
  /** The broker whose order it is, and the investor's wallet that will settle. */
  member,
  account: address,
});

const execution = z.strictObject({
  venue: member,
  executionId: z.string().min(1).max(64),
  tradeNumber: positive,
  instrument,
  price: positive,
  quantity: positive,
  buyer: address,
  seller: address,
  homeVenue: member,
  executedAtMs: positive,
});

/** One leg of a settlement batch: the EIP-712 `Leg` of the Settlement contract. */
export const settlementLeg = z.strictObject({
  executingVenue: member,
  homeVenue: member,
  tradeNumber: positive,
  token: address,
  cashToken: address,
  seller: address,
  buyer: address,
  /** Token units, on chain decimals. */
  quantity: amount,
  /** Cash units, on chain decimals. */
  amount,
  /** Unix seconds. */
  deadline: positive,
});

/** An investor's signed EIP-712 `Mandate` of the Settlement contract. */
export const signedMandate = z.strictObject({
  investor: address,
  side,
  token: address,
  cashToken: address,
  limitAmount: amount,
  limitQuantity: amount,
  quantity: amount,
  /** Unix seconds. */
  expiry: positive,
  nonce: amount,
  venues: z.array(member).max(16),
  /** Of a key, or what an ERC-1271 contract takes; of the latter no longer than 4 KiB. */
  signature: z
    .string()
    .max(2 + 2 * 4_096)
    .regex(/^0x[0-9a-fA-F]*$/)
    .transform((digits) => digits as `0x${string}`),
});

/** Where a leg stands at its venue; `unknown-order` says the venue never saw it, and never will. */
const legState = z.enum([
  'new',
  'partially-filled',
  'done-for-day',
  'suspended',
  'filled',
  'canceled',
  'rejected',
  'expired',
  'unknown-order',
]);

/**
 * What order sessions carry. JSON, unlike frames: these messages are few, they are stored and read by
 * people, and their schema is this one.
 */
export const orderMessageBody = z.discriminatedUnion('kind', [
  /** First on every new stream, both ways: "I am here, and have yours up to `acknowledged`". */
  z.strictObject({ kind: z.literal('hello') }),
  z.strictObject({ kind: z.literal('acknowledge') }),
  /** After each hello, both ways: under which terms the sender trades. Not stored; told on every link. */
  z.strictObject({ kind: z.literal('venue-terms'), terms: venueTerms }),
  z.strictObject({ kind: z.literal('leg-new'), leg: legOrder }),
  z.strictObject({ kind: z.literal('leg-cancel'), legId }),
  /** New total quantity and limit. `revision` counts the replacements of this leg from 1. */
  z.strictObject({
    kind: z.literal('leg-replace'),
    legId,
    revision: positive,
    quantity: positive,
    limitPrice: positive,
  }),
  z.strictObject({ kind: z.literal('leg-status-request'), legId }),
  z.strictObject({ kind: z.literal('leg-accepted'), legId }),
  z.strictObject({
    kind: z.literal('leg-rejected'),
    legId,
    code: z.string().max(64),
    message: text,
  }),
  z.strictObject({ kind: z.literal('leg-executed'), legId, execution }),
  z.strictObject({
    kind: z.literal('leg-replaced'),
    legId,
    revision: positive,
    quantity: positive,
    limitPrice: positive,
  }),
  /** The leg stands as it was. */
  z.strictObject({
    kind: z.literal('leg-replace-rejected'),
    legId,
    revision: positive,
    code: z.string().max(64),
    message: text,
  }),
  /** It lost to a fill, or there was nothing to cancel. */
  z.strictObject({
    kind: z.literal('leg-cancel-rejected'),
    legId,
    code: z.string().max(64),
    message: text,
  }),
  /** A trade of the leg is undone: FIX ExecType(150) H. */
  z.strictObject({
    kind: z.literal('leg-trade-busted'),
    legId,
    executionId: z.string().min(1).max(64),
    reason: text,
  }),
  /** A trade of the leg as it should have been: FIX ExecType(150) G. Same execution id and number. */
  z.strictObject({ kind: z.literal('leg-trade-corrected'), legId, execution }),
  /** The leg takes no more fills; `filled` is its cumulative quantity. */
  z.strictObject({
    kind: z.literal('leg-done'),
    legId,
    state: z.enum(['filled', 'canceled', 'expired']),
    filled: z.number().int().nonnegative(),
    reason: text,
  }),
  z.strictObject({
    kind: z.literal('leg-status'),
    legId,
    state: legState,
    filled: z.number().int().nonnegative(),
  }),
  /**
   * FIX QuoteRequest(R): firm quotes are wanted, from the venue or its members. It says whose request it
   * is and nothing of the investor; the venue tells no more of it than its rules say.
   */
  z.strictObject({
    kind: z.literal('quote-request'),
    requestId,
    instrument,
    /** What the requester would do; left out: both sides are to be quoted. */
    side: side.optional(),
    quantity: positive,
    validForMs: remainingMs,
    member,
    /** Members of the venue that may answer; left out: whoever the venue asks. */
    responders: z.array(member).min(1).max(50).optional(),
  }),
  /** FIX QuoteRequestReject(AG): there will be no quotes. */
  z.strictObject({ kind: z.literal('quote-request-rejected'), requestId, code, message: text }),
  /** FIX QuoteResponse(AJ), QuoteRespType(694) 6, pass: no quote of the request is wanted any more. */
  z.strictObject({ kind: z.literal('quote-request-cancel'), requestId }),
  /** FIX Quote(S): firm, for its sizes, until its time is over by the venue's clock. */
  z.strictObject({
    kind: z.literal('quote'),
    requestId,
    quoteId,
    bid: quoteSide.optional(),
    offer: quoteSide.optional(),
    validForMs: remainingMs,
  }),
  /** FIX QuoteStatusReport(AI): the quote can be taken no more. */
  z.strictObject({ kind: z.literal('quote-ended'), requestId, quoteId, code, message: text }),
  /** Home asks the executing venue to sign its legs of a batch. */
  z.strictObject({
    kind: z.literal('settlement-request'),
    batchId: hex,
    /** Commits to the batch's grouping without showing it: part of what every venue signs. */
    groupsHash: hex,
    legs: z.array(settlementLeg).min(1).max(50),
    /** For each leg the place of its all-or-none group in the batch; left out where there is but one. */
    groups: z.array(z.int().min(0).max(49)).max(50).optional(),
    /**
     * Left out: to settle them. `net` settles them by fewer transfers, `reverse` undoes settled trades
     * that the venue busted or corrected.
     */
    purpose: z.enum(['settle', 'net', 'reverse']).optional(),
    /** The batch that these trades were in before, which cannot come to its end any more. */
    replaces: hex.optional(),
    /** Mandates of parties of these legs that the batch settles under; left out where there are none. */
    mandates: z
      .array(z.strictObject({ hash: hex, investor: address, side }))
      .max(100)
      .optional(),
  }),
  /**
   * Instead of an affirmation: investors of these legs signed mandates that the request does not settle
   * them under, or those that it names count no more. The home composes the batch anew.
   */
  z.strictObject({
    kind: z.literal('settlement-mandates'),
    batchId: hex,
    mandates: z.array(signedMandate).max(100),
    /** Hashes of mandates that this venue gave before and that were revoked since. */
    ended: z.array(hex).max(100).optional(),
  }),
  /**
   * From the home of orders to the venue where their legs are to rest: what their investors signed, said
   * before the leg and whenever it changes. Whoever settles a trade of such an order settles under it.
   */
  z.strictObject({
    kind: z.literal('settlement-mandates-held'),
    mandates: z.array(signedMandate).max(100),
    /** Hashes of mandates that were held and count no more. */
    ended: z.array(hex).max(100).optional(),
  }),
  z.strictObject({
    kind: z.literal('settlement-affirmed'),
    batchId: hex,
    signer: address,
    signature: hex,
  }),
  z.strictObject({
    kind: z.literal('settlement-refused'),
    batchId: hex,
    code: z.string().max(64),
    message: text,
  }),
]);

/** The body of an order message. */
export type OrderMessageBody = z.output<typeof orderMessageBody>;
/** A leg as sent to its executing venue. */
export type LegOrder = z.output<typeof legOrder>;
/** A signed mandate, amounts as digits. */
export type SignedMandateMessage = z.output<typeof signedMandate>;
/** One leg of a settlement batch, amounts as digits. */
export type SettlementLegMessage = z.output<typeof settlementLeg>;
