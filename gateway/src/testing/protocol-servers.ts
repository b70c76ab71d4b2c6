import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createForwarder } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { nodeKeyFromSeed } from '@stoa/schema';
import { Registry } from 'prom-client';
import { createGateway } from '../gateway.ts';
import { type AuditEntry, createMemoryAudit } from './memory-audit.ts';
import { startNodeProcess } from './node-process.ts';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './sample-view.ts';
import { createTokenIssuer, type TokenIssuer } from './token-issuer.ts';

/** A node and a gateway over it, both of which speak every protocol. */
export interface ProtocolServers {
  readonly issuer: TokenIssuer;
  /** What the gateway has recorded. */
  readonly audited: readonly AuditEntry[];
  /** Where each answers GraphQL. */
  readonly urls: { readonly node: string; readonly gateway: string };
  /** Operations of a type that reached the node's execution. */
  operations(type: 'query' | 'mutation'): Promise<number>;
  stop(): Promise<void>;
}

/** Starts {@link ProtocolServers}. */
export async function startProtocolServers(): Promise<ProtocolServers> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-protocols-'));
  const issuer = await createTokenIssuer(folder);
  const node = await startNodeProcess('beta', issuer.options);
  const audit = createMemoryAudit();
  const gateway = await createGateway(
    {
      ...{ host: '127.0.0.1', port: 0, tokens: issuer.options },
      nodes: new Map([['beta', node.url]]),
      // The sample nodes' directory has this key for the member `gateway`.
      forwarder: await createForwarder('gateway', nodeKeyFromSeed(Buffer.alloc(32, 7))),
    },
    {
      market: createSampleView(),
      ...{ directory: sampleDirectory, audit, readiness: () => [] },
      metrics: new Registry(),
      logger: createLogger('gateway', 'silent'),
    },
  );
  return {
    ...{ issuer, audited: audit.entries },
    operations: (type) => node.operations(type),
    urls: { node: node.url, gateway: `${gateway.url}/graphql` },
    async stop() {
      await gateway.stop();
      await node.kill('SIGTERM');
      await rm(folder, { recursive: true });
    },
  };
}

/** Public: the sample's book. */
export const BOOK = `subscription { book(instrument: "${SAMPLE_INSTRUMENT.id}") { version } }`;

/** Private: what happens to the caller's orders. */
export const ORDERS =
  'subscription ($after: SafeInt) { orderEvents(after: $after) { sequence event { kind } } }';

/** An order that the sample node takes and fills at once. */
export const PLACE = `mutation ($id: String!) { placeOrder(input: {
  clientOrderId: $id, instrument: "${SAMPLE_INSTRUMENT.id}", account: "0x${'11'.repeat(20)}"
  side: BUY, quantity: "2", limitPrice: "100.1" }) { ... on OrderPlaced { existed } } }`;

/** Places an order; throws where it is not taken. */
export async function placeOrder(url: string, id: string, token: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: PLACE, variables: { id } }),
  });
  const answer = await response.text();
  if (!answer.includes('"existed":false')) throw new Error(answer);
}
