/** How Node collects garbage in the processes of a network: nobody's quote is to wait for it long. */
export const STEADY_FLAGS: readonly string[] = [
  // Objects are born young, whatever became of those made at the same place before. Else V8 makes books
  // and frames among the old ones, where they die within a tenth of a second: every ten seconds the
  // old space is full of them, and collected in 150 ms of marking and a pause of 10.
  '--no-allocation-site-pretenuring',
  // On the thread that made it. Where several processes share few cores, helper threads wait for a core
  // that another process has, and the pause waits for them. On a host with cores to spare they are of
  // use, so this is what a host's operator decides (README, "Join with a real venue").
  '--single-threaded-gc',
  // V8 gives young objects as much as 128 MiB on a host with much memory, and a burst takes all of it.
  '--max-semi-space-size=16',
];
