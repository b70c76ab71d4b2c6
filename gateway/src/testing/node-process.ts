import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TokenOptions } from '@stoa/node/market-api';

/** A node's real API in a process of its own. */
export interface NodeProcess {
  /** Its GraphQL endpoint. */
  readonly url: string;
  /** How many operations of a type reached it, by its own count. */
  operations(type: 'query' | 'mutation'): Promise<number>;
  /** How many subscriptions it has open, by its own count. */
  subscriptions(): Promise<number>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

const program = fileURLToPath(
  new URL('../../../node/src/api/testing/sample-api-process.ts', import.meta.url),
);

/** Starts a {@link NodeProcess} for a venue. */
export async function startNodeProcess(venue: string, tokens: TokenOptions): Promise<NodeProcess> {
  const child: ChildProcess = spawn(
    process.execPath,
    [program, venue, JSON.stringify(tokens)],
    // Its stdin ends with this process, however that ends, and with it the child.
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  if (!child.stdout) throw new Error('no stdout');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { http } = JSON.parse(line) as { http: string };
  return {
    url: `${http}/graphql`,
    async subscriptions() {
      const text = await (await fetch(`${http}/metrics`)).text();
      return Number(/stoa_api_subscriptions (\d+)/.exec(text)?.[1]);
    },
    async operations(type) {
      const text = await (await fetch(`${http}/metrics`)).text();
      const count = new RegExp(`stoa_api_operations_total\\{type="${type}"\\} (\\d+)`).exec(text);
      return Number(count?.[1] ?? 0);
    },
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}
