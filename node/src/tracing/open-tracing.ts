import type { Tracing, TracingOptions } from './tracing.ts';

/**
 * Tells the process's spans to the collector that is configured. Without one nothing is traced, and
 * nothing of OpenTelemetry's exporters is loaded: tracing costs who does not use it nothing.
 */
export async function openTracing({
  endpoint,
  ...of
}: Omit<TracingOptions, 'endpoint'> & {
  readonly endpoint: string | undefined;
}): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const { startTracing } = await import('./tracing.ts');
  return startTracing({ ...of, endpoint });
}
