import type { MessageWriter } from '@stoa/adapters';

/** A message that answers a request; what follows from one that is taken comes with the order's events. */
export interface EntryAnswer {
  readonly msgType: string;
  readonly body: (writer: MessageWriter) => void;
  /** Why nothing was done, where it was not. */
  readonly refusal?: string;
}
