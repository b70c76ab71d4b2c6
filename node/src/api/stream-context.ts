/** What an operation knows of the stream that it is to be told on. */
export interface StreamContext {
  /** Id of the last update that the reader has seen before. */
  readonly after: string | undefined;
  /** Ids of results on their way, for streams that can be resumed: one each, in their order. */
  readonly ids: (string | undefined)[];
}
