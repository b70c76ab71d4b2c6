import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os';
import { STEADY_FLAGS } from '../harness/process-flags.ts';

/** The machine a figure was measured on, without which it says nothing. */
export function machineFacts() {
  return {
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    node: process.versions.node,
    /** What Node was told in the processes of a network. */
    nodeFlags: STEADY_FLAGS,
    /** One minute's load; well above 0 before a bench, something else was running too. */
    loadAverage: loadavg()[0] ?? 0,
  };
}
