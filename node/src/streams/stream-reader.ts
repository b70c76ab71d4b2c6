import type { UpdateBatch } from './update-batch.ts';

/** A GraphQL error in the form it is told in. */
export interface StreamError {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** How a stream ends: of itself, or with the reason why. */
export type StreamEnd = { readonly errors?: readonly StreamError[] };

/** Whoever reads a stream, over whichever transport. */
export interface StreamReader {
  /**
   * Sends a batch. False says that the reader does not keep up: it was given this batch and is to be
   * given nothing more until it calls `onReady`.
   */
  write(batch: UpdateBatch): boolean;
  /** Tells the end; nothing is written after it. */
  end(end: StreamEnd): void;
  /** Set by whoever writes; called when a reader that did not keep up has taken what it was given. */
  onReady: () => void;
}
