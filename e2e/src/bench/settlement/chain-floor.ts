import { setTimeout as sleep } from 'node:timers/promises';
import type { Hex } from 'viem';
import type { NetworkFixture } from '../../chain/network-fixture.ts';

const atOnce = 8;
const withinMs = 120_000;

/** The chain as it is now, to come back to. */
export async function rememberChain({ client }: NetworkFixture): Promise<() => Promise<void>> {
  const id = await client.snapshot();
  return () => client.revert({ id });
}

/**
 * How long the chain alone takes for transactions that are signed already, of one sender and by nonce:
 * what no settlement in front of it could be faster than. The chain has to be as it was before them.
 *
 * @returns milliseconds from the first that is sent to the last that is mined
 */
export async function measureChainAlone(
  { client }: NetworkFixture,
  signed: { readonly sender: Hex; readonly rawTransactions: readonly Hex[] },
): Promise<number> {
  const { sender: address, rawTransactions } = signed;
  const count = (): Promise<number> => client.getTransactionCount({ address });
  const target = (await count()) + rawTransactions.length;
  const waiting = rawTransactions.values();
  const begun = performance.now();
  const send = async (): Promise<void> => {
    for (const serializedTransaction of waiting) {
      await client.sendRawTransaction({ serializedTransaction });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, send));
  while ((await count()) < target) {
    if (performance.now() - begun > withinMs) throw new Error('the chain did not mine all of them');
    await sleep(5);
  }
  return performance.now() - begun;
}
