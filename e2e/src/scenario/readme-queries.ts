import { readFile } from 'node:fs/promises';
import type { DeployedNetwork } from '../chain/deploy-network.ts';

/** README's operations, with what the demo prints, and a moment that is near, filled in. */
export async function readmeQueries({
  instrument,
  alice,
}: Pick<DeployedNetwork, 'instrument' | 'alice'>): Promise<string[]> {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  return [...readme.matchAll(/```graphql\n(.*?)```/gs)].map(([, query = '']) =>
    query
      .replace('eip155:31337/erc20:0x…', instrument)
      .replace('"0x…"', `"${alice.address}"`)
      .replace('20…Z', new Date(Date.now() + 600_000).toISOString()),
  );
}
