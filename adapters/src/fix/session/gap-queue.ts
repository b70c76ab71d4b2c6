/** Messages that came before their turn, until the gap before them is filled. */
export class GapQueue {
  readonly #messages = new Map<number, Buffer>();
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** The lowest number that is kept. */
  get lowest(): number | undefined {
    return this.#messages.size === 0 ? undefined : Math.min(...this.#messages.keys());
  }

  /** Keeps a copy; what has no room is dropped, and asked for again when it is missed. */
  add(seq: number, message: Buffer): void {
    if (this.#messages.has(seq) || this.#messages.size >= this.#maxMessages) return;
    if (this.#bytes + message.length > this.#maxBytes) return;
    this.#messages.set(seq, Buffer.from(message));
    this.#bytes += message.length;
  }

  /** Takes the message of this number out. */
  take(seq: number): Buffer | undefined {
    const message = this.#messages.get(seq);
    if (message === undefined) return undefined;
    this.#messages.delete(seq);
    this.#bytes -= message.length;
    return message;
  }

  /** Forgets everything below a number that was skipped over. */
  dropBelow(seq: number): void {
    for (const key of this.#messages.keys()) if (key < seq) this.take(key);
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}
