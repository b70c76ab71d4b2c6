import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSettlementLogs } from '@stoa/contracts';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import type { SettlementNode } from '@stoa/node/testing/settlement-node';
import type { Execution } from '@stoa/schema';
import { type NetworkFixture, startNetworkFixture } from '../../chain/network-fixture.ts';
import { admitSigner, startNodes, startVenueProcess, tradeAt } from './venue-processes.ts';

/** What chain and stores say of every leg in the end. */
export interface SettlementAudit {
  readonly legs: number;
  /** Batches that the operator composed for them. */
  readonly composed: number;
  /** Legs that the chain settled, each counted as often as it did. */
  readonly settledOnChain: number;
  /** Legs that the chain did not settle, and that it settled more than once. */
  readonly lost: number;
  readonly doubled: number;
  /** Legs whose state in a store is not what the chain says. */
  readonly unreconciled: number;
  /** Units of the token that the buyer received beyond, or short of, what was traded. */
  readonly strayUnits: string;
}

/** Orders that come within it share a batch. */
const batchWaitMs = 60;
const shares = 25n * 10n ** 18n;

/** An operator at work, alpha, and the venue whose trades it settles, beta. */
export interface OperatorWorld extends AsyncDisposable {
  readonly orders: number;
  readonly chain: NetworkFixture['chain'];
  readonly trades: readonly Execution[];
  startOperator(): Promise<ChildProcess>;
  /** An order with so many trades at beta, instructed and not composed. */
  order(trades: number): Promise<void>;
  /** Carries what the operator has in its outbox to beta. */
  deliver(): Promise<void>;
  untilSettled(withinMs: number): Promise<void>;
  audit(): Promise<SettlementAudit>;
}

export async function startOperatorWorld(): Promise<OperatorWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-operator-'));
  const fixture = await startNetworkFixture();
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  const urls = {
    alpha: await createDatabase(server.url('postgres'), 'alpha'),
    beta: await createDatabase(server.url('postgres'), 'beta'),
  };
  const signerKey = await admitSigner(fixture, 'alpha');
  const nodes = await startNodes(fixture, urls, 'beta');
  const { network } = fixture;
  const held = await fixture.balance(network.token, network.alice.address);
  const children: ChildProcess[] = [];
  const trades: Execution[] = [];
  let orders = 0;
  const deliver = (): Promise<void> => nodes.beta.receiveFrom('alpha', nodes.alpha);
  return {
    get orders() {
      return orders;
    },
    trades,
    chain: fixture.chain,
    startOperator: async () => {
      const child = await startVenueProcess(fixture, 'alpha', { urls, signerKey, batchWaitMs });
      children.push(child);
      return child;
    },
    order: async (count) => {
      orders += 1;
      const own = Array.from({ length: count }, (_, at) =>
        tradeAt(fixture, trades.length + at + 1),
      );
      trades.push(...own);
      await nodes.beta.recordTrades(own);
      await nodes.alpha.instruct(`alpha-${orders}`, own);
    },
    deliver,
    untilSettled: async (withinMs) => {
      const until = performance.now() + withinMs;
      for (;;) {
        await deliver();
        // Beta reads the chain for itself, a little later.
        const legs = [...(await nodes.alpha.legs()), ...(await nodes.beta.legs())];
        const open = 2 * trades.length - legs.filter(({ state }) => state === 'settled').length;
        if (open === 0) return;
        if (performance.now() > until) throw new Error(`${open} legs are not settled`);
        await sleep(20);
      }
    },
    audit: () => audit(fixture, nodes, { trades, held }),
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([nodes.alpha.stop(), nodes.beta.stop()]);
      await Promise.all([fixture.stop(), server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What became of every leg, by the chain's own events and balances, and by both stores. */
async function audit(
  fixture: NetworkFixture,
  nodes: Readonly<Record<'alpha' | 'beta', SettlementNode>>,
  { trades, held }: { readonly trades: readonly Execution[]; readonly held: bigint },
): Promise<SettlementAudit> {
  const { client, network } = fixture;
  const logs = await client.getLogs({ address: network.settlement, fromBlock: 0n });
  const { settled } = decodeSettlementLogs(logs, network.settlement);
  const times = new Map<number, number>();
  for (const { tradeNumber } of settled) {
    times.set(Number(tradeNumber), (times.get(Number(tradeNumber)) ?? 0) + 1);
  }
  const legs = [...(await nodes.alpha.legs()), ...(await nodes.beta.legs())];
  const received = (await fixture.balance(network.token, network.alice.address)) - held;
  return {
    legs: trades.length,
    composed: (await nodes.alpha.batches()).length,
    settledOnChain: settled.length,
    lost: trades.filter(({ tradeNumber }) => !times.has(tradeNumber)).length,
    doubled: [...times.values()].filter((count) => count > 1).length,
    unreconciled:
      legs.filter(({ state }) => state !== 'settled').length + 2 * trades.length - legs.length,
    strayUnits: (received - shares * BigInt(trades.length)).toString(),
  };
}
