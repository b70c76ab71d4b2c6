import { createHmac, randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProofMaker, type ProofMaker, type ProofSpec } from '@stoa/node/testing/proof-maker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PLACE, type ProtocolServers, startProtocolServers } from './testing/protocol-servers.ts';
import { SAMPLE_INSTRUMENT } from './testing/sample-view.ts';

let servers: ProtocolServers;
let client: ProofMaker;
const sockets: Socket[] = [];

beforeAll(async () => {
  servers = await startProtocolServers();
  client = await createProofMaker();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => servers.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Codes of the errors, in their order. */
  readonly codes: readonly string[];
}

async function send(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const codes = [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code = '']) => code);
  return { status: response.status, headers: response.headers, text, codes };
}

const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const nested = (depth: number) =>
  `{ venues ${'{ listings { venue '.repeat(depth)}{ id } ${'} }'.repeat(depth)} }`;

/** What is to be answered with an error, and never executed. */
const OPERATIONS: readonly (readonly [string, unknown])[] = [
  ['a deep one', { query: nested(20) }],
  ['a list within itself', { query: nested(2) }],
  ['a wide one', { query: `{ venues { ${times(600, () => 'id')} } }` }],
  ['many fields at the top', { query: `{ ${times(25, () => 'venues { id }')} }` }],
  ['many aliases', { query: `{ venues { ${times(40, (index) => `a${index}: id`)} } }` }],
  ['many directives', { query: `{ venues { id ${times(60, () => '@skip(if: false)')} } }` }],
  ['many tokens', { query: `{ venues { ${times(4_000, () => 'id')} } }` }],
  ['many operations', { query: times(900, (index) => `query Q${index} { __typename }`) }],
  [
    'fragments in a circle',
    { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }' },
  ],
  [
    'fragments that double themselves',
    {
      query: `{ ...F0 } ${times(80, (index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`)}`,
    },
  ],
  [
    'a costly one',
    {
      query:
        '{ orders(first: 100) { edges { node { legs { order { executions { order { legs { id } } } } } } } } }',
    },
  ],
  [
    'a costly one by its variables',
    {
      query:
        'query ($n: Int) { orders(first: $n) { edges { node { executions { order { legs { order { id } } } } } } } }',
      variables: { n: 2_000_000_000 },
    },
  ],
  [
    'introspection many times',
    { query: `{ ${times(20, (index) => `a${index}: __schema { types { name } }`)} }` },
  ],
  [
    'introspection in depth',
    {
      query: `{ __schema { types { fields { type { ${'fields { type { '.repeat(6)}name${' } }'.repeat(6)} } } } } }`,
    },
  ],
  ['many variables', { query: '{ venues { id } }', variables: { a: Array(20_000).fill(0) } }],
  [
    'deep variables',
    {
      query: '{ venues { id } }',
      variables: { a: JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`) },
    },
  ],
  ['a batch', [{ query: '{ venues { id } }' }, { query: '{ venues { id } }' }]],
  ['a body that is no JSON', '{"query":'],
  [
    'a body that is too large',
    { query: '{ venues { id } }', variables: { a: 'x'.repeat(200_000) } },
  ],
  ['a persisted operation that nobody persisted', { documentId: `sha256:${'0'.repeat(64)}` }],
];

/** An attack that holds others up does so for as long as it goes on; a busy machine takes seconds. */
const HELD_UP_MS = 10_000;

describe.each(['node', 'gateway'] as const)('an attack on the %s', (server) => {
  const urlOf = () => servers.urls[server];

  async function isHealthy(): Promise<void> {
    const query = `{ instrument(id: "${SAMPLE_INSTRUMENT.id}") { symbol } }`;
    const began = performance.now();
    expect((await send(urlOf(), { query })).text).toContain('"symbol"');
    expect(performance.now() - began).toBeLessThan(HELD_UP_MS);
  }

  it('by an operation is refused before it is executed, at once, and others are served', async () => {
    const token = await servers.issuer.token('attacker', 'beta');
    const before = await servers.operations('query');
    for (const [what, body] of OPERATIONS) {
      const began = performance.now();
      const answer = await send(urlOf(), body, { authorization: `Bearer ${token}` });
      const told = `${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
      expect(answer.codes.length, told).toBeGreaterThan(0);
      expect(answer.codes, told).not.toContain('INTERNAL_SERVER_ERROR');
      expect(answer.text, told).not.toContain('"data":{');
      expect(performance.now() - began, told).toBeLessThan(HELD_UP_MS);
    }
    expect(await servers.operations('query')).toBe(before);
    await isHealthy();
  }, 30_000);

  it('by a form, or by a site that nobody allowed, gets nowhere', async () => {
    const form = await send(urlOf(), 'query={venues{id}}', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([form.status, form.codes]).toEqual([415, ['BAD_REQUEST']]);
    const plain = await send(urlOf(), '{"query":"{venues{id}}"}', { 'content-type': 'text/plain' });
    expect(plain.status).toBe(415);
    const foreign = await send(
      urlOf(),
      { query: '{ venues { id } }' },
      { origin: 'https://evil.test' },
    );
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    expect(foreign.headers.get('x-content-type-options')).toBe('nosniff');
    expect(foreign.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const byGet = new URL(urlOf());
    byGet.searchParams.set('query', 'mutation { cancelAllOrders { __typename } }');
    expect((await fetch(byGet)).status).toBe(405);
  });

  it('by a forged, foreign or expired token is refused, and nothing tells which key is right', async () => {
    const good = await servers.issuer.token('victim', 'beta');
    const [, payload = '', signature = ''] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const encode = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
    const token = (header: object, sign: (text: string) => string = () => signature) => {
      const text = `${encode({ typ: 'at+jwt', ...header })}.${encode(claims)}`;
      return `${text}.${sign(text)}`;
    };
    const publicKey = JSON.stringify(servers.issuer.publicKey);
    const hmac = (secret: string) => (text: string) =>
      createHmac('sha256', secret).update(text).digest('base64url');
    const spec = (more: object) => servers.issuer.token('victim', 'beta', 300, more);
    const seconds = Math.floor(Date.now() / 1_000);
    const forged: Readonly<Record<string, string>> = {
      'alg none': token({ alg: 'none' }, () => ''),
      'alg None': token({ alg: 'None' }, () => ''),
      'the public key as a secret': token({ alg: 'HS256', kid: 'key-1' }, hmac(publicKey)),
      'an empty secret': token({ alg: 'HS256', kid: '../../../dev/null' }, hmac('')),
      'a kid that is a path': token({ alg: 'EdDSA', kid: '../../jwks.json' }),
      'a kid that is a query': token({ alg: 'EdDSA', kid: "x' or '1'='1" }),
      'a jku': token({ alg: 'EdDSA', kid: 'evil', jku: 'http://127.0.0.1:1/jwks' }),
      'a key of its own': token({
        alg: 'ES256',
        jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
      }),
      'critical parts nobody knows': token({ alg: 'EdDSA', kid: 'key-1', crit: ['x'], x: 1 }),
      'a swapped payload': [
        good.split('.')[0],
        encode({ ...claims, member: 'other' }),
        signature,
      ].join('.'),
      'another audience': await spec({ audience: 'other' }),
      'another issuer': await spec({ issuer: 'https://evil.test' }),
      'another type': await spec({ typ: 'JWT' }),
      'an expired one': await spec({ lifetimeSeconds: -60 }),
      'one that is not good yet': await spec({ more: { nbf: seconds + 600 } }),
      'one from the future': await spec({ more: { iat: seconds + 600 } }),
      'one without an id': await spec({ more: { jti: undefined } }),
      'a long one': `${good}${'A'.repeat(9_000)}`,
      nonsense: 'a.b.c',
    };
    for (const [what, bad] of Object.entries(forged)) {
      const answer = await send(
        urlOf(),
        { query: '{ orders { edges { cursor } } }' },
        {
          authorization: `Bearer ${bad}`,
        },
      );
      expect([what, answer.codes[0]]).toEqual([what, 'UNAUTHENTICATED']);
      expect(answer.text).toContain('"orders":null');
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect(answer.headers.get('www-authenticate')).toContain('oauth-protected-resource');
    }
    await isHealthy();
  });

  it('by a stolen token moves nothing', async () => {
    const member = `victim-${server}`;
    const mine = await createProofMaker();
    const token = await servers.issuer.token(member, 'beta', 300, {
      ...{ keyThumbprint: mine.thumbprint, client: 'desk' },
    });
    const place = async (authorization: string, dpop?: string) =>
      send(
        urlOf(),
        { query: PLACE, variables: { id: randomUUID() } },
        {
          authorization,
          ...(dpop === undefined ? {} : { dpop }),
        },
      );
    const proof = (spec: Partial<ProofSpec> = {}, by = mine) =>
      by.proof({ token, url: urlOf(), ...spec });
    const before = await servers.operations('mutation');
    const used = await proof();
    expect((await place(`DPoP ${token}`, used)).text).toContain('"existed":false');
    const placed = await servers.operations('mutation');
    expect(placed).toBe(before + 1);
    const bearer = await servers.issuer.token(member, 'beta', 300, { client: 'desk' });
    const attempts: readonly (readonly [string, string, string | undefined])[] = [
      [`Bearer ${token}`, 'PROOF_REQUIRED', undefined],
      [`DPoP ${token}`, 'PROOF_REQUIRED', undefined],
      [`Bearer ${bearer}`, 'PROOF_REQUIRED', undefined],
      [`DPoP ${token}`, 'PROOF_INVALID', used],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({}, client)],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({ url: 'https://evil.test/graphql' })],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({ method: 'GET' })],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({ tokenHashOf: bearer })],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({ madeInSeconds: -120 })],
      [`DPoP ${token}`, 'PROOF_INVALID', await proof({ typ: 'jwt' })],
    ];
    for (const [authorization, code, dpop] of attempts) {
      const answer = await place(authorization, dpop);
      expect(answer.codes, answer.text).toContain(code);
      expect(answer.text).not.toContain('existed');
    }
    // The order book of the victim holds the one order that it made itself.
    const listed = await send(
      urlOf(),
      { query: '{ orders { edges { node { id } } } }' },
      {
        authorization: `DPoP ${token}`,
        dpop: await proof(),
      },
    );
    expect(listed.text.match(/"id"/g)).toHaveLength(1);
  });

  it('by heads and bodies that never end, and by readers that never read, holds up nobody else', async () => {
    const { hostname, port } = new URL(urlOf());
    const open = () =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ host: hostname, port: Number(port) }, () => resolve(socket));
        socket.on('error', reject);
        sockets.push(socket);
      });
    const slow = await Promise.all(Array.from({ length: 150 }, open));
    for (const [index, socket] of slow.entries()) {
      socket.on('error', () => undefined);
      socket.write('POST /graphql HTTP/1.1\r\nhost: x\r\n');
      if (index % 2 === 0) {
        socket.write('content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"query":"');
      }
    }
    const stalled = await Promise.all(Array.from({ length: 20 }, open));
    for (const socket of stalled) {
      const body = JSON.stringify({
        query: '{ __schema { types { name description fields { name description } } } }',
      });
      socket.pause();
      const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      socket.write(head.repeat(5));
    }
    for (let turn = 0; turn < 5; turn += 1) {
      await isHealthy();
      await sleep(50);
    }
    const flood = await open();
    flood.on('error', () => undefined);
    let answered = '';
    flood.on('data', (chunk: Buffer) => void (answered += chunk.toString('latin1')));
    flood.write(
      `GET /graphql HTTP/1.1\r\nhost: x\r\n${'x-flood: 1234567890\r\n'.repeat(2_000)}\r\n`,
    );
    for (let turn = 0; turn < 100 && answered === ''; turn += 1) await sleep(20);
    expect(answered).toMatch(/^HTTP\/1\.1 4(31|00)/);
    await isHealthy();
  });
});
