/** The value below which the share lies (0.5: the median), of numbers in any order; NaN of none. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** To so many decimals; a result is read by people too. */
export function rounded(value: number, decimals = 0): number {
  return Number(value.toFixed(decimals));
}

/** Median, lowest and highest of the rounds of a measurement. */
export function spread(values: readonly number[], decimals = 0) {
  return {
    median: rounded(median(values), decimals),
    lowest: rounded(Math.min(...values), decimals),
    highest: rounded(Math.max(...values), decimals),
  };
}
