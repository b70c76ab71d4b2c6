/** Stands in a text for a part that is yet to come. JSON escapes this character, so it is none of JSON's own. */
const GAP = '\u0001';

interface Gap {
  text: string;
  readonly inner: AwaitedText;
}

/** What the gaps of one text, and the gaps within them, have in common. */
interface Filling {
  open: number;
  failure: { readonly reason: unknown } | undefined;
  /** Told once all are filled, or one of them cannot be; absent while nobody waits. */
  settle: (() => void) | undefined;
}

/**
 * JSON that is written at once but for the values that it has to wait for: each leaves a gap, which what
 * is written of it then fills. One promise stands for all of them, however many there are.
 */
export class AwaitedText {
  readonly #filling: Filling;
  readonly #gaps: Gap[] = [];

  constructor(within?: AwaitedText) {
    this.#filling = within ? within.#filling : { open: 0, failure: undefined, settle: undefined };
  }

  /** Leaves a gap for what `write` makes of a value; whatever it writes may leave gaps of its own. */
  gap(value: PromiseLike<unknown>, write: (value: unknown, inner: AwaitedText) => string): string {
    const filling = this.#filling;
    const gap: Gap = { text: '', inner: new AwaitedText(this) };
    this.#gaps.push(gap);
    filling.open += 1;
    // Both ways are heard from the beginning: that one fails whom nobody waits for any more ends no process.
    value.then(
      (settled) => {
        // Nobody reads what comes after a failure.
        if (filling.failure) return;
        try {
          gap.text = write(settled, gap.inner);
        } catch (error) {
          fail(filling, error);
          return;
        }
        filling.open -= 1;
        if (filling.open === 0) filling.settle?.();
      },
      (error: unknown) => fail(filling, error),
    );
    return GAP;
  }

  /** The text with its gaps filled, at once where it has none. @throws what a value or its writing failed by */
  filled(text: string): string | Promise<string> {
    if (this.#gaps.length === 0) return text;
    return new Promise((resolve, reject) => {
      this.#filling.settle = () => {
        const { failure } = this.#filling;
        if (failure) reject(failure.reason);
        else resolve(this.#joined(text));
      };
    });
  }

  #joined(text: string): string {
    if (this.#gaps.length === 0) return text;
    const [first = '', ...rest] = text.split(GAP);
    return this.#gaps.reduce(
      (joined, gap, at) => joined + gap.inner.#joined(gap.text) + (rest[at] ?? ''),
      first,
    );
  }
}

function fail(filling: Filling, reason: unknown): void {
  if (filling.failure) return;
  filling.failure = { reason };
  filling.settle?.();
}
