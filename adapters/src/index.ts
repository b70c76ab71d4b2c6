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
export type { FixVersion } from './fix/dialect/dialect.ts';
export { FixAcceptor, type FixAcceptorOptions } from './fix/session/fix-acceptor.ts';
export { FixInitiator, type FixInitiatorOptions } from './fix/session/fix-initiator.ts';
export { scheduleShape } from './fix/session/schedule-shape.ts';
export { SessionRunner } from './fix/session/session-runner.ts';
export { type SessionSchedule, windowAt } from './fix/session/session-schedule.ts';
export {
  type BeginString,
  type Delivery,
  SESSION_LIMITS,
  type SessionNotice,
  type SessionSettings,
} from './fix/session/session-settings.ts';
export { SessionStore } from './fix/session/session-store.ts';
export { readDecimal } from './fix/wire/decimal-field.ts';
export { FixFields } from './fix/wire/fix-fields.ts';
export { FrameSplitter } from './fix/wire/frame-splitter.ts';
export { isWritable, MessageWriter } from './fix/wire/message-writer.ts';
export { readGroup } from './fix/wire/repeating-group.ts';
export { REJECT, TAG } from './fix/wire/tags.ts';
export { readTimestamp } from './fix/wire/utc-timestamp.ts';
export {
  type FlowClock,
  type FlowProgress,
  type FlowReplayOptions,
  type FlowTarget,
  replayFlow,
} from './flow/flow-replay.ts';
export type { LobsterMessage, MalformedLine, MalformedReason } from './flow/lobster-message.ts';
export { type LobsterBatch, type LobsterFile, openLobsterFile } from './flow/lobster-reader.ts';
export { PassingVenue } from './passing-venue.ts';
export * from './venue-adapter.ts';
export {
  type ExternalVenueChoice,
  readVenueAdapterFile,
  type VenueAdapterChoice,
} from './venue-adapter-file.ts';
export type * from './venue-adapter-kind.ts';
export type { RawListing } from './venue-listing.ts';
