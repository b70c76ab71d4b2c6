import { isObject } from './client-error.ts';

/** One result of a subscription, as a server sends it. */
export interface StreamResult {
  readonly data?: unknown;
  readonly errors?: unknown;
  readonly extensions?: unknown;
}

/** How far a reader has come in a stream (docs/streams.md). */
export type StreamPosition =
  /** The viewer's own, numbered for good: whoever goes on after a number loses and repeats nothing. */
  | { readonly kind: 'numbered'; readonly sequence: number }
  /** Shared by all who ask for the same; whole at every update, and the latest is what counts. */
  | { readonly kind: 'shared'; readonly stream: string; readonly sequence: number };

/** What a result is to a reader who has come so far. */
export type PlacedResult =
  /** `missed`: updates between the last one and this, which a whole state makes good; null: not known. */
  | {
      readonly kind: 'new';
      readonly position: StreamPosition | undefined;
      readonly missed: number | null;
    }
  /** It was given to the reader before, or tells nothing new. */
  | { readonly kind: 'seen' };

/** Where a result stands in its stream, and whether a reader who has come so far has it already. */
export function placeResult(last: StreamPosition | undefined, result: StreamResult): PlacedResult {
  const position = positionOf(result);
  // A stream of neither kind, as of requests for quote, begins with what is open whenever it is opened.
  if (!position) return { kind: 'new', position: last, missed: 0 };
  if (position.kind === 'numbered') {
    const seen = last?.kind === 'numbered' && position.sequence <= last.sequence;
    return seen ? { kind: 'seen' } : { kind: 'new', position, missed: 0 };
  }
  if (last?.kind !== 'shared') return { kind: 'new', position, missed: 0 };
  // Another stream: the server was started anew, and numbers begin anew.
  if (last.stream !== position.stream) return { kind: 'new', position, missed: null };
  if (position.sequence <= last.sequence) return { kind: 'seen' };
  return { kind: 'new', position, missed: position.sequence - last.sequence - 1 };
}

/** What an operation says in `extensions.after` to go on from there. */
export function afterText(position: StreamPosition): string {
  return position.kind === 'numbered'
    ? String(position.sequence)
    : `${position.stream}.${position.sequence}`;
}

function positionOf({ data, extensions }: StreamResult): StreamPosition | undefined {
  const stream = isObject(extensions) ? extensions['stream'] : undefined;
  if (isObject(stream)) {
    const { id, sequence } = stream;
    if (typeof id === 'string' && typeof sequence === 'number') {
      return { kind: 'shared', stream: id, sequence };
    }
  }
  // A subscription has one root field.
  const [update] = isObject(data) ? Object.values(data) : [];
  const sequence = isObject(update) ? update['sequence'] : undefined;
  return typeof sequence === 'number' ? { kind: 'numbered', sequence } : undefined;
}
