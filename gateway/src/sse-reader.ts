/** One event of a text/event-stream, as the WHATWG HTML standard has it in 9.2. */
export interface ServerSentEvent {
  /** `message` where the sender named none. */
  readonly event: string;
  readonly data: string;
  /** Where the sender gave the event one. */
  readonly id?: string;
}

/**
 * Reads a text/event-stream. It is read no faster than its events are taken; comments, which senders
 * keep a quiet stream open with, come out as nothing.
 *
 * @throws Error for an event of more than `maxEventChars`
 */
export async function* readServerSentEvents(
  bytes: AsyncIterable<Uint8Array>,
  maxEventChars: number,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id: string | undefined;
  let chars = 0;
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    // A return at the end of the chunk may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (chars + rest.length > maxEventChars) throw tooLarge(maxEventChars);
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0 || event !== '') {
          yield {
            event: event === '' ? 'message' : event,
            data: data.join('\n'),
            ...(id === undefined ? {} : { id }),
          };
        }
        event = '';
        data = [];
        id = undefined;
        chars = 0;
        continue;
      }
      chars += line.length;
      if (chars > maxEventChars) throw tooLarge(maxEventChars);
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (name === 'event') event = value ?? '';
      else if (name === 'data') data.push(value ?? '');
      else if (name === 'id') id = value ?? '';
    }
  }
}

function tooLarge(most: number): Error {
  return new Error(`an event beyond ${most} characters`);
}
