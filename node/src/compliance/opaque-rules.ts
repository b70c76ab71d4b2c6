import type { EligibilityCode, EligibilityReason } from '@stoa/contracts';

/**
 * Rules that depend on the quantity and do not say how much they would let pass: Rule 144's tranches, a
 * module or a status byte that only says no.
 */
const OPAQUE: ReadonlySet<EligibilityCode> = new Set([
  'HOLDING_PERIOD',
  'COMPLIANCE_REFUSED',
  'TOKENS_LOCKED',
  'BALANCE_TOO_LOW',
  'ALLOWANCE_TOO_LOW',
]);

/** Whether less might pass, and none of the reasons says how much. */
export function isOpaque(reasons: readonly EligibilityReason[]): boolean {
  const silent = reasons.filter(({ most }) => most === undefined);
  return silent.length > 0 && silent.every(({ code }) => OPAQUE.has(code));
}

/** Quantities that are asked about together. */
const ASKED_AT_ONCE = 16n;
/** Enough for 17⁸ lots; a rule that is not monotone ends here too. */
const MAX_ROUNDS = 8;

/**
 * The most lots that pass, found by asking: each round divides what is in doubt by seventeen.
 *
 * @param most lots of which it is known that they do not pass
 * @param pass tells of each quantity, in lots, whether it would pass
 */
export async function mostThatPasses(
  most: bigint,
  pass: (lots: readonly bigint[]) => Promise<readonly boolean[]>,
): Promise<bigint> {
  let passes = 0n;
  let fails = most;
  for (let round = 0; round < MAX_ROUNDS && fails - passes > 1n; round += 1) {
    const between = fails - passes - 1n;
    const count = between < ASKED_AT_ONCE ? between : ASKED_AT_ONCE;
    const asked = Array.from({ length: Number(count) }, (_, index) => {
      return passes + ((between + 1n) * BigInt(index + 1)) / (count + 1n);
    });
    const answers = await pass(asked);
    const firstNo = answers.indexOf(false);
    fails = firstNo < 0 ? fails : (asked[firstNo] ?? fails);
    passes = firstNo < 0 ? (asked.at(-1) ?? passes) : (asked[firstNo - 1] ?? passes);
  }
  return passes;
}
