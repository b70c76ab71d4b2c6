import { isInstrumentId, isMemberId, orderMessageBody, TIMES_IN_FORCE } from '@stoa/schema';
import { z } from 'zod';

/** Name and version of the receipt's format; docs/receipts.md describes it. */
export const RECEIPT_FORMAT = 'stoa-receipt/1';
/** Name and version of the format of fade evidence. */
export const FADE_FORMAT = 'stoa-fade/1';

/** Changes of one order, at most, that a receipt can hold. */
const MAX_REVISIONS = 20_000;
const MAX_LEGS = 1_000;
/** Reports in one revision; more of them make more revisions. */
export const MAX_REPORTS = 1_000;
const MAX_MEMBERS = 1_000;

const member = z.string().refine(isMemberId, 'not a member id');
const instrument = z.string().refine(isInstrumentId, 'not an instrument id');
const whole = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(1_000);
/** SHA-256, lower-case hex. */
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const base64url = z
  .string()
  .max(400_000)
  .regex(/^[A-Za-z0-9_-]*$/);
const address = z.string().regex(/^0x[0-9a-f]{40}$/);
const legId = z.string().min(1).max(64);

const memberExtract = z.strictObject({
  id: member,
  kind: z.enum(['venue', 'broker', 'issuer', 'observer', 'examiner']),
  status: z.enum(['active', 'suspended', 'ceasing', 'ceased']),
  /** Ed25519, hex; Unix seconds, `validTo` 0 for no end. */
  nodeKeys: z
    .array(
      z.strictObject({
        key: z.string().regex(/^[0-9a-f]{64}$/),
        validFrom: whole,
        validTo: whole,
      }),
    )
    .max(100),
});

/** What the on-chain registries said that matters to one instrument, as the home node had read it. */
export const directoryExtract = z.strictObject({
  registry: z.strictObject({
    chainId: whole,
    memberRegistry: address,
    listingRegistry: address,
    blockNumber: z.string().regex(/^\d{1,20}$/),
  }),
  instrument: z.strictObject({
    id: instrument,
    symbol: text,
    cashSymbol: text,
    priceDecimals: whole.max(36),
    quantityDecimals: whole.max(36),
    tickSize: positive,
    lotSize: positive,
  }),
  /** The home node's member and every venue that has a listing of the instrument, by id. */
  members: z.array(memberExtract).max(MAX_MEMBERS),
  /** Every listing of the instrument, whatever its status, by venue. */
  listings: z
    .array(
      z.strictObject({
        venue: member,
        status: z.enum(['proposed', 'listed', 'halted', 'suspended', 'delisted']),
      }),
    )
    .max(MAX_MEMBERS),
});

/** One venue in a decision: the state of its quotes at the home node, and the frames behind them. */
const decisionVenue = z.strictObject({
  venue: member,
  state: z.enum(['live', 'degraded', 'stale', 'silent']),
  book: hash.exactOptional(),
  status: hash.exactOptional(),
  latest: hash.exactOptional(),
  /** The order message that told its terms. */
  terms: hash.exactOptional(),
});

const route = z.looseObject({
  routerVersion: z.string().max(64),
  legs: z
    .array(z.strictObject({ venue: member, quantity: positive, limitPrice: positive }))
    .max(MAX_LEGS),
  unrouted: whole,
  exclusions: z.array(z.looseObject({ venue: member, reason: text })).max(MAX_MEMBERS),
});

const leg = z.strictObject({
  id: legId,
  venue: member,
  purpose: z.enum(['route', 'rest']),
  timeInForce: z.enum(TIMES_IN_FORCE),
  quantity: positive,
  limitPrice: positive,
  minQuantity: positive.exactOptional(),
  allOrNone: z.boolean().exactOptional(),
  expireAtMs: positive.exactOptional(),
});

/** What every revision begins with. */
const chained = {
  home: member,
  orderId: z.string().min(1).max(64),
  /** 1, 2, 3 … within the order. */
  revision: positive,
  /** Hash of the revision before it; absent in the first. */
  previous: hash.exactOptional(),
  /** Unix time, milliseconds, of the home node. */
  atMs: whole,
  /** Hash of the directory extract that was in force. */
  directory: hash,
};

const decisionBody = z.strictObject({
  kind: z.literal('decision'),
  ...chained,
  round: positive,
  /** Without a frame for so long, this node calls a venue's quotes stale. */
  staleAfterMs: positive,
  /** RouteInput as JSON, without its book: that follows from the frames. */
  input: z.record(z.string(), z.unknown()),
  venues: z.array(decisionVenue).max(MAX_MEMBERS),
  route,
  legs: z.array(leg).max(MAX_LEGS),
});

const outcomeBody = z.strictObject({
  kind: z.literal('outcome'),
  ...chained,
  /**
   * What came of legs, in order: the venue's signed message; what the home node's own book said, which
   * the revision's signature covers; or why a venue is thought silent.
   */
  reports: z
    .array(
      z.strictObject({
        legId,
        venue: member,
        message: hash.exactOptional(),
        own: orderMessageBody.exactOptional(),
        silent: text.exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_REPORTS),
});

const revisionBody = z.discriminatedUnion('kind', [decisionBody, outcomeBody]);

/** What a revision or a fade refers to, by hash. */
const evidence = {
  /** By the hash of their canonical JSON. */
  directories: z.record(hash, directoryExtract),
  /** SignedFrame and SignedOrderMessage bytes as they came, by their SHA-256. */
  frames: z.record(hash, base64url),
  messages: z.record(hash, base64url),
};

/** A receipt as a file. */
export const receiptDocument = z.strictObject({
  format: z.literal(RECEIPT_FORMAT),
  revisions: z
    .array(z.strictObject({ body: revisionBody, signature: base64url }))
    .min(1)
    .max(MAX_REVISIONS),
  /** Messages in which the home node sent legs to other venues. */
  orders: z.array(hash).max(MAX_REVISIONS),
  ...evidence,
});

const fadeBody = z.strictObject({
  kind: z.literal('fade'),
  home: member,
  orderId: z.string().min(1).max(64),
  legId,
  venue: member,
  instrument,
  side: z.enum(['buy', 'sell']),
  /** Of the leg. */
  quantity: positive,
  limitPrice: positive,
  /** Unix time, milliseconds, of the home node: when it was judged. */
  atMs: whole,
  /** By how much clocks may differ and messages be under way, for the venue's benefit. */
  allowanceMs: whole,
  directory: hash,
  /** The frame whose firm quote the leg was for. */
  quote: hash,
  /** The leg as sent. */
  order: hash,
  /** The venue's messages about the leg, in order. */
  answers: z.array(hash).max(MAX_REPORTS),
  /** Later frames of the venue that were under way meanwhile, in order. */
  between: z.array(hash).max(10_000),
  verdict: z.enum(['fade', 'unanswered', 'excused']),
  code: z.string().max(64),
  message: text,
});

/** Fade evidence as a file. */
export const fadeDocument = z.strictObject({
  format: z.literal(FADE_FORMAT),
  body: fadeBody,
  signature: base64url,
  ...evidence,
});

export type DirectoryExtract = z.output<typeof directoryExtract>;
export type DecisionVenue = z.output<typeof decisionVenue>;
export type DecisionBody = z.output<typeof decisionBody>;
export type OutcomeBody = z.output<typeof outcomeBody>;
export type RevisionBody = z.output<typeof revisionBody>;
export type ReceiptDocument = z.output<typeof receiptDocument>;
export type FadeBody = z.output<typeof fadeBody>;
export type FadeDocument = z.output<typeof fadeDocument>;
/** A leg as a decision names it. */
export type ReceiptLeg = z.output<typeof leg>;
