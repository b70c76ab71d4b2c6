/** Numbers that a seed fixes, so that a failing case comes again. */
export interface SeededNumbers {
  /** A whole number in [low, high], both included. */
  between(low: number, high: number): number;
  pick<T>(from: readonly T[]): T;
}

/** A linear congruential generator (the constants of Numerical Recipes); its high bits are used. */
export function seededNumbers(seed: number): SeededNumbers {
  let state = seed >>> 0;
  const between = (low: number, high: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  };
  return {
    between,
    pick<T>(from: readonly T[]): T {
      return from[between(0, from.length - 1)] as T;
    },
  };
}
