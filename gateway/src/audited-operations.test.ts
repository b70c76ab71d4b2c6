import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLACE, type ProtocolServers, startProtocolServers } from './testing/protocol-servers.ts';

let servers: ProtocolServers;
let before: number;

beforeAll(async () => {
  servers = await startProtocolServers();
});
beforeEach(() => {
  before = servers.audited.length;
});
afterAll(() => servers.stop());

const audited = () => servers.audited.slice(before);

async function ask(query: string, variables: object, token?: string): Promise<string> {
  const response = await fetch(servers.urls.gateway, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-request-id': 'request-0001' },
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return response.text();
}

describe('what is asked through a gateway', () => {
  it('is recorded with who asked, and that the home node answered', async () => {
    const token = await servers.issuer.token('broker', 'beta');
    expect(await ask(PLACE, { id: 'one' }, token)).toContain('existed');
    expect(audited()).toEqual([
      expect.objectContaining({
        ...{ kind: 'mutation', outcome: 'answered', code: null, field: 'Mutation.placeOrder' },
        ...{ member: 'broker', client: 'test-client', clientId: 'one', requestId: 'request-0001' },
      }),
    ]);
    expect(JSON.stringify(audited())).not.toContain(token);
  });

  it('is recorded by field, whatever name and fragment it stands in', async () => {
    const token = await servers.issuer.token('broker', 'beta');
    const query = `mutation Twice { a: cancelOrder(id: "beta-77") { __typename } ...More }
      fragment More on Mutation { b: cancelOrder(id: "beta-78") { ... on Refusal { code } } }`;
    await ask(query, {}, token);
    expect(audited().map(({ operation, target }) => [operation, target])).toEqual([
      ['Twice', 'beta-77'],
      ['Twice', 'beta-78'],
    ]);
  });

  it('is recorded where it fails, and where it is denied', async () => {
    const elsewhere = await servers.issuer.token('broker', 'alpha');
    await ask(PLACE, { id: 'two' }, elsewhere);
    await ask(PLACE, { id: 'three' });
    await ask('{ mine: orders(first: 1) { edges { cursor } } }', {});
    expect(audited().map(({ kind, outcome, code, field }) => [kind, outcome, code, field])).toEqual(
      [
        ['mutation', 'failed', 'NODE_UNAVAILABLE', 'Mutation.placeOrder'],
        ['denied', 'denied', 'UNAUTHENTICATED', 'Mutation.placeOrder'],
        ['denied', 'denied', 'UNAUTHENTICATED', 'Query.orders'],
      ],
    );
  });
});
