import { readFileSync } from 'node:fs';

/**
 * When a process began, in clock ticks since boot (proc(5), /proc/PID/stat field 22): together
 * with its pid it names one process for good, while a pid alone may be given to a stranger.
 *
 * @returns undefined where no such process lives; a zombie does not live.
 */
export function startTimeOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command's name stands in parentheses and may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' ? undefined : startTime;
}
