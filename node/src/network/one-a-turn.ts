/** Beyond so much that waits, what came first is taken at once. */
const MAX_WAITING_BYTES = 65_536;

/**
 * Takes one message in each turn of the event loop, in their order: what a message makes readers see
 * they see before the next one is worked on, and not at the end of all that one read of the socket
 * brought. A message that comes alone is taken as it comes.
 */
export class OneATurn {
  readonly #take: (message: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(take: (message: Uint8Array) => void) {
    this.#take = take;
  }

  offer(message: Uint8Array): void {
    this.#waiting.push(message);
    this.#waitingBytes += message.length;
    if (this.#turn === undefined) this.#next();
    while (this.#waitingBytes > MAX_WAITING_BYTES) this.#takeFirst();
  }

  /** Takes all that waits, at once. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    while (this.#waiting.length > 0) this.#takeFirst();
  }

  #next(): void {
    this.#takeFirst();
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (this.#waiting.length > 0) this.#next();
    });
  }

  #takeFirst(): void {
    const message = this.#waiting.shift();
    if (message === undefined) return;
    this.#waitingBytes -= message.length;
    this.#take(message);
  }
}
