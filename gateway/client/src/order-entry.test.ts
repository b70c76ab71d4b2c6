import { describe, expect, it } from 'vitest';
import { placeOrder } from './order-entry.ts';
import { createStoaClient } from './stoa-client.ts';

const INPUT = { clientOrderId: 'desk-1' } as Parameters<typeof placeOrder>[1];

/** A server that breaks off at the order, and is asked about it with what is given. */
async function askedAfterwards(answer: object) {
  const answers = [undefined, answer];
  const fetch = async () => {
    const next = answers.shift();
    if (!next) throw new TypeError('the connection broke');
    return Response.json(next);
  };
  const client = createStoaClient({ url: 'http://localhost/graphql' }, { fetch });
  const sent = await placeOrder(client, INPUT);
  if (sent.kind !== 'unknown') throw new Error(`the order is ${sent.kind}`);
  return sent.ask();
}

describe('an order of which nothing is known', () => {
  it('is none where its home node says so', async () => {
    expect(await askedAfterwards({ data: { order: null } })).toBeNull();
  });

  it('is not said to be none where its home node cannot say', async () => {
    const errors = [
      {
        message: 'The node of alpha cannot be reached.',
        path: ['order'],
        extensions: { code: 'NODE_UNAVAILABLE', venue: 'alpha' },
      },
    ];
    await expect(askedAfterwards({ data: { order: null }, errors })).rejects.toMatchObject({
      code: 'OPERATION_FAILED',
      errors: [{ code: 'NODE_UNAVAILABLE' }],
    });
  });
});
