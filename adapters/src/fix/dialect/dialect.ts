import { TIMES_IN_FORCE } from '@stoa/schema';
import { z } from 'zod';

const VERSIONS = ['FIX.4.2', 'FIX.4.4', 'FIX.5.0SP2'] as const;
/** An application version; FIX 5.0 SP2 is carried by FIXT.1.1. */
export type FixVersion = (typeof VERSIONS)[number];

const tag = z.int().min(1).max(999_999);
/** Latin-1 without control characters: what a field can hold. */
const value = z.string().regex(/^[ -~\xa0-\xff]{1,256}$/, 'must be 1 to 256 printable characters');
const fields = z
  .array(z.tuple([tag, value]))
  .max(64)
  .default([]);
const code = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'must be a code such as OFF_TICK');
const codes = z.record(z.string().regex(/^\d{1,5}$/, 'must be a number'), code).default({});

/**
 * How one venue speaks FIX, as data: versions, ids, times in force, custom fields, and which messages
 * it has. What is not said is as the standard says.
 */
export const dialectShape = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a short name in lower case'),
  about: z.string().min(1).max(2_000),
  /** Whether the venue itself has seen this dialect work. */
  certified: z.boolean(),
  version: z.enum(VERSIONS),
  /** Where these sessions speak another version than the orders'. */
  marketDataVersion: z.enum(VERSIONS).optional(),
  dropCopyVersion: z.enum(VERSIONS).optional(),
  /** ClOrdID(11). */
  clientOrderId: z.strictObject({
    maxLength: z.int().min(12).max(255),
    leadingZeros: z.boolean(),
  }),
  /** Prices finer than this are refused before the wire. */
  priceDecimals: z.int().min(0).max(18).optional(),
  /** TransactTime(60) and ExpireTime(126) with milliseconds. */
  milliseconds: z.boolean().default(true),
  /** TimeInForce(59) by ours; what is absent the venue does not take. */
  timesInForce: z
    .partialRecord(z.enum(TIMES_IN_FORCE), value)
    .refine((one) => Object.keys(one).length > 0, 'must name at least one'),
  orders: z.strictObject({
    /** Account(1): the investor's wallet, the member's id, or nothing. */
    account: z.enum(['wallet', 'member', 'none']).default('wallet'),
    /** G. */
    replace: z.boolean(),
    /** H. */
    status: z.boolean(),
    /** AF. */
    massStatus: z.boolean(),
    /** q; without it every order is canceled by itself. */
    massCancel: z.boolean(),
    /** ExecInst(18) G, MinQty(110), MaxFloor(111). */
    allOrNone: z.boolean(),
    minQuantity: z.boolean(),
    displayQuantity: z.boolean(),
    /** Fields that each of these messages carries besides. */
    newFields: fields,
    cancelFields: fields,
    replaceFields: fields,
    /** Fields of a new order of this time in force. */
    timeInForceFields: z.partialRecord(z.enum(TIMES_IN_FORCE), fields).default({}),
  }),
  reports: z.strictObject({
    /** Names the other side of a fill. */
    contraTag: tag.default(375),
    /** ExecIDs that begin anew each day are told apart by the date of TransactTime(60). */
    executionIdsRepeatDaily: z.boolean().default(false),
    /** The network's codes for OrdRejReason(103) and CxlRejReason(102), beyond the standard's. */
    orderRejections: codes,
    cancelRejections: codes,
  }),
  /** Where the drop copy carries the ClOrdID of the order. */
  dropCopy: z.strictObject({ clientOrderIdTag: tag.default(11) }).optional(),
  /** V, W, X. Absent: none over FIX. */
  marketData: z
    .strictObject({
      /** What an entry of X is known by: its price, or MDEntryID(278). */
      keyedBy: z.enum(['price', 'entry-id']),
      /** Numbers messages of an instrument without gaps, where the venue does; see RptSeq(83). */
      sequenceTag: tag.optional(),
      /** MarketDepth(264): 0 whole, 1 top. */
      depth: z.int().min(0).max(1_000),
      /** Only the best price a side, replaced and never deleted. */
      topOfBook: z.boolean().default(false),
      /** Names a trade in an entry of type 2. */
      tradeIdTag: tag.default(278),
      requestFields: fields,
    })
    .optional(),
  /** e and f: whether the venue tells an instrument's trading status when asked. */
  securityStatus: z.boolean(),
  /**
   * How it says what it lists: `list`, x and y, all in one request; `definition`, c and d, one symbol
   * at a time. Absent: it cannot be asked.
   */
  securityList: z.enum(['list', 'definition']).optional(),
  /** g and h: whether it tells the session's. */
  sessionStatus: z.boolean().default(false),
  /** SecurityTradingStatus(326) of an instrument that trades; every other halts it. */
  tradingStatuses: z.array(z.string().max(4)).default(['3', '17']),
});

/** See {@link dialectShape}. */
export type Dialect = z.output<typeof dialectShape>;
