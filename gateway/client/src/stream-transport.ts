import type { StreamInbox } from './stream-inbox.ts';

/** A subscription as it is sent. */
export interface StreamOperation {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  /** `after`: where to go on (docs/streams.md). */
  readonly extensions?: { readonly after?: string; readonly dpop?: string };
}

/** A way to a server's streams. */
export interface StreamTransport {
  /**
   * Opens one connection of a stream, or joins the open one, and puts what comes into the inbox, and how it
   * ends. It never tries a second time: that is for who knows where to go on. The function returned closes.
   */
  open(operation: StreamOperation, inbox: StreamInbox): () => void;
  /** Asks for whatever a next proof needs. */
  renewProof(): Promise<void>;
  close(): void;
}
