import type { RunningProcess } from '../harness/network-processes.ts';

/** The sum of a process's samples of one metric whose labels include these; zero where there is none. */
export async function readMetric(
  { http }: RunningProcess,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(`${http}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of (await response.text()).split('\n')) {
    const match = /^([a-z_]+)(\{[^}]*\})? (\S+)$/.exec(line);
    if (match?.[1] !== name) continue;
    if (wanted.every((label) => match[2]?.includes(label))) sum += Number(match[3]);
  }
  return sum;
}

/** The samples of one metric, summed by the value of a label. */
export async function readMetricSums(
  { http }: RunningProcess,
  name: string,
  label: string,
): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${http}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const sums = new Map<string, number>();
  const value = new RegExp(`\\b${label}="([^"]*)"`);
  for (const line of (await response.text()).split('\n')) {
    const match = /^([a-z_]+)(\{[^}]*\}) (\S+)$/.exec(line);
    const of = value.exec(match?.[2] ?? '')?.[1];
    if (match?.[1] !== name || of === undefined) continue;
    sums.set(of, (sums.get(of) ?? 0) + Number(match[3]));
  }
  return sums;
}
