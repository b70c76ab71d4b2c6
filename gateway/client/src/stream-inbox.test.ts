import { describe, expect, it } from 'vitest';
import { StreamInbox } from './stream-inbox.ts';

const numbered = (sequence: number) => ({ data: { orderEvents: { sequence } } });
const shared = (sequence: number) => ({
  ...{ data: { book: {} }, extensions: { stream: { id: 'a', sequence } } },
});

async function all(inbox: StreamInbox) {
  const steps = [await inbox.take()];
  for (let step = steps[0]; step?.kind === 'result'; ) {
    step = await inbox.take();
    steps.push(step);
  }
  return steps.map((step) => (step.kind === 'result' ? step.result : step.kind));
}

describe('an inbox of a stream', () => {
  it('gives what came, then how it ended', async () => {
    const inbox = new StreamInbox(4);
    const taken = all(inbox);
    inbox.put(numbered(1));
    inbox.put(numbered(2));
    inbox.end({ kind: 'cut', reason: 'gone' });
    inbox.put(numbered(3));
    expect(await taken).toEqual([numbered(1), numbered(2), 'cut']);
  });

  it('ends, full, rather than leave out an event', async () => {
    const inbox = new StreamInbox(2);
    for (const sequence of [1, 2, 3, 4]) inbox.put(numbered(sequence));
    expect(await all(inbox)).toEqual([numbered(1), numbered(2), 'full']);
  });

  it('keeps the latest of what is whole', async () => {
    const inbox = new StreamInbox(2);
    for (const sequence of [1, 2, 3, 4]) inbox.put(shared(sequence));
    inbox.end({ kind: 'complete' });
    expect(await all(inbox)).toEqual([shared(3), shared(4), 'complete']);
  });

  it.each([null, { orderEvents: null }])('takes %j with errors for a refusal', async (data) => {
    const inbox = new StreamInbox(2);
    inbox.put({ data, errors: [{ message: 'no', extensions: { code: 'FORBIDDEN' } }] });
    expect(await inbox.take()).toMatchObject({ kind: 'refused', errors: [{ code: 'FORBIDDEN' }] });
  });
});
