/**
 * What a venue charges, in decimal amounts of the instrument's cash (a venue's schedule holds for all
 * its instruments). Rates are in parts per million of the notional, so 10 basis points are 1000;
 * negative rates are rebates. A minimum or cap is per order at the venue.
 */
export interface FeeSchedule {
  /** Best tier first is not required; the tier with the highest `fromNotional` reached holds. */
  readonly tiers: readonly FeeTier[];
  /** Least fee of an order that traded; '0' for none. */
  readonly minimum: string;
  /** Most that an order is charged; undefined for no cap. */
  readonly cap?: string;
}

/** Rates from a monthly notional on. */
export interface FeeTier {
  /** Notional that the paying member traded at the venue this month, in cash; '0' for the first tier. */
  readonly fromNotional: string;
  readonly makerPpm: number;
  readonly takerPpm: number;
}

/** A time of day in the calendar's zone: `HH:MM` or `HH:MM:SS`. */
export type TimeOfDay = string;
/** A date in the calendar's zone: `YYYY-MM-DD`. */
export type CalendarDate = string;

/** When a venue takes orders and when it trades. */
export interface TradingCalendar {
  /** IANA time zone, such as `America/New_York`. */
  readonly timeZone: string;
  /** ISO weekdays, Monday 1 to Sunday 7. */
  readonly weekdays: readonly number[];
  /** Orders are taken from here on, and trade from `open` on. */
  readonly entryOpen: TimeOfDay;
  readonly open: TimeOfDay;
  /** Day orders end here; `24:00` is midnight. */
  readonly close: TimeOfDay;
  /** No session at all. */
  readonly holidays: readonly CalendarDate[];
  /** Days that close early. */
  readonly earlyCloses: readonly { readonly date: CalendarDate; readonly close: TimeOfDay }[];
}

/**
 * The terms under which a venue trades: told by the venue itself to its peers over the order session,
 * signed, so that a receipt can show them. The highest `version` holds.
 */
export interface VenueTerms {
  readonly version: number;
  readonly fees: FeeSchedule;
  /** Undefined: open at all times. */
  readonly calendar?: TradingCalendar;
  /** Smallest order the venue takes, in lots of the instrument. */
  readonly minimumLots: number;
  /** Which orders it takes from other nodes. */
  readonly allOrNone: boolean;
  readonly minQuantity: boolean;
}
