import { type EmbeddedVenue, type LobsterFile, openLobsterFile } from '@stoa/adapters';
import type { Instrument } from '@stoa/schema';
import { runRecordedFlow } from '../recorded-flow.ts';
import type { Base } from './base.ts';

export async function openFlow({ config, onStop }: Base): Promise<LobsterFile | undefined> {
  if (config.STOA_FLOW_FILE === undefined) return undefined;
  const file = await openLobsterFile(config.STOA_FLOW_FILE);
  onStop(() => file.close());
  return file;
}

/** The recorded flow trades the first listed instrument; it goes on beside everything else. */
export function startFlow(
  { config, logger, metrics, running }: Base,
  file: LobsterFile,
  adapter: EmbeddedVenue,
  [instrument]: readonly Instrument[],
): void {
  if (!instrument) return;
  runRecordedFlow(
    file,
    { speed: config.STOA_FLOW_SPEED, signal: running },
    { target: adapter.flowTarget(instrument.id), logger, metrics },
  ).catch((error: unknown) => {
    if (!running.aborted) logger.error({ err: error }, 'order flow ended');
  });
}
