import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProofMaker } from '../access/testing/proof-maker.ts';
import { auditHash } from '../records/audit/audit-record.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const WALLET = `0x${'11'.repeat(20)}`;
const PLACE = `mutation Place($input: PlaceOrderInput!) { placeOrder(input: $input) {
  ... on OrderPlaced { order { id } } ... on Refusal { code } } }`;
const RECORDS = `{ auditRecords(first: 10) { edges { node { number at kind outcome code field member subject
  client scopes keyThumbprint operation document target clientId requestId count previous hash } } } }`;

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-audit-'));
  issuer = await createTokenIssuer(folder);
});
beforeEach(async () => {
  api = await startSampleApi('alpha', issuer.options);
});
afterEach(() => api.stop());
afterAll(() => rm(folder, { recursive: true }));

function input(clientOrderId: string, quantity = '2') {
  return {
    input: {
      ...{ clientOrderId, instrument: ACME.id, account: WALLET, side: 'BUY', quantity },
      limitPrice: '100.10',
    },
  };
}

interface Asked {
  readonly query: string;
  readonly variables?: unknown;
}

async function ask(
  asked: Asked,
  authorization?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-request-id': 'request-0001' },
      ...(authorization === undefined ? {} : { authorization }),
      ...headers,
    },
    body: JSON.stringify(asked),
  });
  return response.text();
}

const bearer = async (spec: Parameters<TokenIssuer['token']>[0] = {}) =>
  `Bearer ${await issuer.token(spec)}`;

describe('what is asked of a node', () => {
  it('is recorded with who, what, when and what came of it, and with nothing of the order', async () => {
    const client = await createProofMaker();
    const token = await issuer.token({ client: 'desk', keyThumbprint: client.thumbprint });
    const dpop = await client.proof({ token, url: `${api.url}/graphql` });
    const query = { query: PLACE, variables: input('one') };
    const beganAtMs = Date.now();
    expect(await ask(query, `DPoP ${token}`, { dpop })).toContain('"order"');
    // 13 is refused by the sample's order service.
    expect(await ask({ ...query, variables: input('two', '13') }, await bearer())).toContain(
      'code',
    );
    const [placed, refused] = api.audit.records;
    expect(placed).toMatchObject({
      ...{ number: 1, kind: 'mutation', outcome: 'accepted', code: null, count: 1 },
      ...{ member: 'broker', subject: 'trader', client: 'desk' },
      ...{ scopes: 'orders:read orders:write', keyThumbprint: client.thumbprint },
      ...{ operation: 'Place', field: 'Mutation.placeOrder', clientId: 'one' },
      ...{ requestId: 'request-0001', target: expect.stringMatching(/^alpha-\d+$/) },
      document: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(placed?.atMs).toBeGreaterThanOrEqual(beganAtMs);
    expect(refused).toMatchObject({
      ...{ outcome: 'refused', code: expect.any(String), clientId: 'two' },
      ...{ client: 'test-client', keyThumbprint: null, previous: placed?.hash },
    });
    const kept = JSON.stringify(api.audit.records);
    for (const secret of [token, dpop, WALLET, ACME.id, '100.10', 'BUY']) {
      expect(kept).not.toContain(secret);
    }
  });

  it('is recorded where it is denied, with whose token it was', async () => {
    const bound = await createProofMaker();
    const stolen = await bearer({ keyThumbprint: bound.thumbprint, client: 'desk' });
    const query = { query: PLACE, variables: input('one') };
    await ask(query, stolen);
    await ask(query);
    await ask({ query: '{ settlementQueue { batchId } }' }, await bearer());
    await ask({ query: RECORDS }, await bearer({ member: 'beta', scope: 'records:read' }));
    expect(
      api.audit.records.map(({ kind, outcome, code, field, member, client }) => [
        ...[kind, outcome, code, field, member, client],
      ]),
    ).toEqual([
      ['denied', 'denied', 'PROOF_REQUIRED', 'Mutation.placeOrder', 'broker', 'desk'],
      ['denied', 'denied', 'UNAUTHENTICATED', 'Mutation.placeOrder', null, null],
      ['denied', 'denied', 'FORBIDDEN', 'Query.settlementQueue', 'broker', 'test-client'],
      ['denied', 'denied', 'FORBIDDEN', 'Query.auditRecords', 'beta', 'test-client'],
    ]);
  });

  it('is not begun while it cannot be recorded', async () => {
    api.audit.fails = 'it cannot be written';
    const query = { query: PLACE, variables: input('one') };
    expect(await ask(query, await bearer())).toContain('AUDIT_UNAVAILABLE');
    api.audit.fails = undefined;
    const orders = await ask(
      { query: '{ orders { edges { node { clientOrderId } } } }' },
      await bearer(),
    );
    expect(orders).not.toContain('"one"');
  });

  it('is read by the operator as it was hashed', async () => {
    await ask({ query: PLACE, variables: input('one') }, await bearer());
    const operator = await bearer({ member: 'alpha', scope: 'records:read' });
    const { data } = JSON.parse(await ask({ query: RECORDS }, operator)) as {
      data: { auditRecords: { edges: { node: Record<string, unknown> }[] } };
    };
    const node = data.auditRecords.edges[0]?.node ?? {};
    const { at, kind, outcome, ...rest } = node;
    const record = {
      ...rest,
      atMs: Date.parse(String(at)),
      kind: String(kind).toLowerCase(),
      outcome: String(outcome).toLowerCase(),
    };
    expect(auditHash(record as never)).toBe(node['hash']);
  });
});
