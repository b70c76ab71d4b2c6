import type { SessionSettings } from '@stoa/adapters';

/** What both ends of the measured session have agreed on. */
export const FIX_BENCH_SETTINGS: Omit<SessionSettings, 'role' | 'senderCompId' | 'targetCompId'> = {
  ...{ beginString: 'FIX.4.2', heartbeatSeconds: 30, resetOnLogon: false },
  ...{ maxClockSkewMs: 120_000, resendChunk: 0, logonFields: [] },
};
