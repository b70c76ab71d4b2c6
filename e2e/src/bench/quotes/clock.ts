/**
 * The machine's monotonic clock in nanoseconds. All processes of one machine read the same one
 * (CLOCK_MONOTONIC, mach_absolute_time), so that a moment of one can be taken from a moment of
 * another without any alignment; the bench checks that (`clockSlackUs`).
 */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
