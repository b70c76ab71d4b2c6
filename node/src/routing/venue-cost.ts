import { type FeeSchedule, type FeeTier, isRefusal, parseDecimal } from '@stoa/schema';

/**
 * What one leg at a venue costs beside its price: the venue's fee for taking, with the caller's tier
 * resolved, and what a leg costs however large it is.
 *
 * Amounts are in notional units, which are price × quantity: 10^-(priceDecimals + quantityDecimals)
 * of the instrument's cash. The fee of a leg with notional N > 0 is `takerPpm` × N / 1,000,000, not
 * below `minimum` (0: there is none, so rebates stand), then not above `cap`.
 */
export interface VenueCost {
  /** Millionths of the notional; negative for a rebate; from -1,000,000 to 1,000,000. */
  readonly takerPpm: number;
  readonly minimum: bigint;
  readonly cap: bigint | undefined;
  /** A leg's own cost, whatever its size. */
  readonly fixed: bigint;
}

/** Costs are exact in millionths of a notional unit: nothing is rounded. */
export const COST_MICROS = 1_000_000n;

/** A rate beyond this is none: a sale would cost more than it brings. */
export const MAX_RATE_PPM = 1_000_000;

/** Terms of one venue as they cost the caller. */
export interface CompiledFees {
  readonly taker: VenueCost;
  /** The same for an order that rests and is met. */
  readonly maker: VenueCost;
}

/** Decimals of a schedule's amounts; more than any cash token has. */
const AMOUNT_DECIMALS = 36;
/** Decimals of the cash in which a month's notional is counted. */
export const MONTHLY_NOTIONAL_DECIMALS = 18;

/**
 * The fee of a leg, in millionths of a notional unit.
 *
 * @param notional price × quantity, above 0
 */
export function feeMicros(cost: VenueCost, notional: bigint): bigint {
  const proportional = BigInt(cost.takerPpm) * notional;
  const minimum = cost.minimum * COST_MICROS;
  const charged = minimum > 0n && proportional < minimum ? minimum : proportional;
  if (cost.cap === undefined) return charged;
  const cap = cost.cap * COST_MICROS;
  return charged > cap ? cap : charged;
}

/**
 * A venue's fee schedule as it costs one member in one instrument; undefined for a schedule that
 * does not read (its venue is then not routed to).
 *
 * Amounts finer than the notional unit are rounded up.
 */
export function compileFees(
  schedule: FeeSchedule,
  given: {
    /** Traded by the member at the venue this month, in 10^-18 of the cash. */
    readonly monthlyNotional: bigint;
    /** priceDecimals + quantityDecimals of the instrument. */
    readonly notionalDecimals: number;
    /** What a leg costs however large it is: a decimal amount of the cash. */
    readonly legCost: string;
  },
): CompiledFees | undefined {
  const tier = tierFor(schedule.tiers, given.monthlyNotional);
  const minimum = notionalUnits(schedule.minimum, given.notionalDecimals);
  const cap = schedule.cap === undefined ? 0n : notionalUnits(schedule.cap, given.notionalDecimals);
  const fixed = notionalUnits(given.legCost, given.notionalDecimals);
  if (tier === undefined || minimum === undefined) return undefined;
  if (cap === undefined || fixed === undefined) return undefined;
  const rates = [tier.takerPpm, tier.makerPpm];
  const sound = rates.every((rate) => Number.isInteger(rate) && Math.abs(rate) <= MAX_RATE_PPM);
  if (!sound) return undefined;
  const shared = { minimum, cap: schedule.cap === undefined ? undefined : cap, fixed };
  return {
    taker: { takerPpm: tier.takerPpm, ...shared },
    maker: { takerPpm: tier.makerPpm, ...shared },
  };
}

/** The tier with the highest `fromNotional` that was reached. */
function tierFor(tiers: readonly FeeTier[], monthlyNotional: bigint): FeeTier | undefined {
  let reached: { readonly tier: FeeTier; readonly from: bigint } | undefined;
  for (const tier of tiers) {
    const from = parseDecimal(tier.fromNotional, AMOUNT_DECIMALS);
    if (isRefusal(from)) return undefined;
    const enough =
      from <= monthlyNotional * 10n ** BigInt(AMOUNT_DECIMALS - MONTHLY_NOTIONAL_DECIMALS);
    if (enough && (reached === undefined || from > reached.from)) reached = { tier, from };
  }
  return reached?.tier;
}

function notionalUnits(text: string, decimals: number): bigint | undefined {
  const amount = parseDecimal(text, AMOUNT_DECIMALS);
  if (isRefusal(amount) || amount < 0n) return undefined;
  if (decimals >= AMOUNT_DECIMALS) return amount * 10n ** BigInt(decimals - AMOUNT_DECIMALS);
  const unit = 10n ** BigInt(AMOUNT_DECIMALS - decimals);
  return (amount + unit - 1n) / unit;
}
