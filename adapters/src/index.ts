export { EmbeddedVenue } from './embedded/embedded-venue.ts';
export type {
  EmbeddedVenueOptions,
  VenueJournalOptions,
} from './embedded/embedded-venue-options.ts';
export type { BookRecovery, RecoveryDifference } from './embedded/journal/book-recovery.ts';
export { askJson, type JsonAnswer, type JsonRequest } from './external/ask-json.ts';
export { ExternalVenue, type ExternalVenueTimes } from './external/external-venue.ts';
export { repeatedly } from './external/repeatedly.ts';
export { AnswerFault, amountAtAverage, exactUnits, safeUnits } from './external/venue-amounts.ts';
export type * from './external/venue-wire.ts';
export {
  type FlowClock,
  type FlowProgress,
  type FlowReplayOptions,
  type FlowTarget,
  replayFlow,
} from './flow/flow-replay.ts';
export type { LobsterMessage, MalformedLine, MalformedReason } from './flow/lobster-message.ts';
export { type LobsterBatch, type LobsterFile, openLobsterFile } from './flow/lobster-reader.ts';
export * from './venue-adapter.ts';
export {
  type ExternalVenueChoice,
  readVenueAdapterFile,
  type VenueAdapterChoice,
} from './venue-adapter-file.ts';
export type * from './venue-adapter-kind.ts';
