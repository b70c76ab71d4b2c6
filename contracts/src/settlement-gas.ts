import type { VenueId } from '@stoa/schema';

/**
 * The terms of the gas formula, measured on ERC-3643 tokens with a margin. `groupReserve` is the
 * contract's GROUP_GAS_RESERVE; a token with costly compliance modules needs a higher `perLeg`.
 */
export const settlementGas = {
  base: 80_000n,
  perVenue: 40_000n,
  perLeg: 300_000n,
  /** Call data, hashing and signature checks, spent before the first group starts. */
  perLegOverhead: 8_000n,
  groupReserve: 250_000n,
  /** What a group costs beside its legs, where others came before it: its call, and its balances. */
  perGroup: 10_000n,
} as const;

/** The most gas that one transaction may have (EIP-7825). */
export const transactionGasCap = 16_777_216n;

/** Legs in one transaction that stay below {@link transactionGasCap}, of up to twelve venues. */
export const maxLegsPerBatch = 50;

/**
 * Gas limit for a batch, by formula. Never estimate it: `eth_estimateGas` finds the least gas with
 * which the transaction succeeds, and it also succeeds with every group failed for lack of gas.
 */
export function settleGasLimit(
  groups: readonly (readonly {
    readonly executingVenue: VenueId;
    readonly homeVenue: VenueId;
  }[])[],
  perLeg: bigint = settlementGas.perLeg,
): bigint {
  const legs = BigInt(groups.reduce((count, group) => count + group.length, 0));
  const names = groups.flat().flatMap((leg) => [leg.executingVenue, leg.homeVenue]);
  const venues = BigInt(new Set(names).size);
  const wanted =
    settlementGas.base +
    settlementGas.perVenue * venues +
    (settlementGas.perLegOverhead + perLeg) * legs;
  // Each group is granted a reserve of its own, which one that burns all it has does not give back;
  // of what is left a call passes on 63/64 (EIP-150).
  return ((wanted + settlementGas.groupReserve * BigInt(groups.length)) * 64n) / 63n;
}

/** How much is in a batch. */
export interface BatchSize {
  readonly groups: number;
  readonly legs: number;
  /** Venues that sign. */
  readonly venues: number;
  /** Tokens that are traded: the first trade of each pays for touching its contracts. */
  readonly tokens: number;
}

/**
 * Whether a batch fits one transaction. A group is granted its reserve and gives back what it does not
 * use: within {@link settlementGas}'s `perLeg` the last one finds its reserve untouched, and what a token
 * costs the first time is there for each token. {@link settleGasLimit} is more, by a reserve for every
 * group, and is only needed when groups burn all that they get: more of them than fit the transaction
 * make it revert whole (`GasTooLow`), nothing is settled, and its groups go on one by one.
 */
export function fitsTransaction(
  { groups, legs, venues, tokens }: BatchSize,
  perLeg: bigint = settlementGas.perLeg,
): boolean {
  const needed =
    settlementGas.base +
    settlementGas.perVenue * BigInt(venues) +
    (settlementGas.perLegOverhead + perLeg) * BigInt(legs) +
    settlementGas.perGroup * BigInt(groups) +
    settlementGas.groupReserve * BigInt(Math.max(1, tokens));
  return (needed * 64n) / 63n <= transactionGasCap;
}

/** Legs of one group, of so many venues, that fit one transaction at this gas for each leg. */
export function legsPerTransaction(perLeg: bigint, venues: number): number {
  const room =
    (transactionGasCap * 63n) / 64n -
    settlementGas.base -
    settlementGas.perVenue * BigInt(venues) -
    settlementGas.groupReserve;
  const legs = Number(room / (settlementGas.perLegOverhead + perLeg));
  return Math.max(1, Math.min(maxLegsPerBatch, legs));
}
