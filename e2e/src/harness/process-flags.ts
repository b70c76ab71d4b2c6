/**
 * How Node collects garbage where several processes share few cores: on the thread that made it.
 * Helper threads wait there for a core that another process has, and the pause waits for them; with
 * two cores the slowest hundredth of quotes was some 30 % later with them. On a host with cores to
 * spare they are of use, so this is what a host's operator decides (README, "Join with a real venue").
 */
export const FEW_CORES_FLAGS: readonly string[] = [
  '--single-threaded-gc',
  // V8 gives young objects as much as 128 MiB on a host with much memory, and a burst takes all of it.
  '--max-semi-space-size=16',
];
