import { readDirectory } from '@stoa/contracts';
import { createPreTradeChecks, type PreTradeQuestion } from '@stoa/node/pre-trade';
import { pino } from 'pino';
import { createClient, http } from 'viem';
import { startNetworkFixture } from '../../chain/network-fixture.ts';
import { quantile, rounded } from '../statistics.ts';

const warmUps = 50;
const rounds = 400;

/** Times of single pre-trade checks on the local chain, in milliseconds. */
export interface PreTradeFigures {
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** The same where the answer is kept and only the newest block is asked for. */
  readonly keptP50Ms: number;
  readonly keptP95Ms: number;
}

/**
 * How long a broker's order waits for its pre-trade checks: every check of a buyer and of a seller in
 * turn, each time with a quantity not asked about before, so that no answer is a kept one. Fails if an
 * answer is not the expected one.
 */
export async function measurePreTrade(): Promise<PreTradeFigures> {
  const fixture = await startNetworkFixture();
  try {
    const { network } = fixture;
    const [instrument] = (await readDirectory(fixture.client, network)).instruments;
    const seller = network.flowWallets['alpha'];
    if (!instrument || !seller) throw new Error('the network has nothing to trade');
    const checks = createPreTradeChecks({
      client: createClient({ transport: http(fixture.rpcUrl, { retryCount: 0 }) }),
      settlement: network.settlement,
      lens: network.preTradeLens,
      logger: pino({ level: 'silent' }),
      nowMs: Date.now,
    });
    const question = (quantity: number): PreTradeQuestion =>
      quantity % 2 === 0
        ? {
            ...{ instrument, quantity },
            side: 'buy',
            account: network.alice.address,
            limitPrice: 100,
          }
        : { ...{ instrument, quantity }, side: 'sell', account: seller.address };
    const time = async (quantity: number): Promise<number> => {
      const begun = performance.now();
      const refusal = await checks.checkOrder(question(quantity));
      const ms = performance.now() - begun;
      if (refusal) throw new Error(`an order that could settle was refused: ${refusal.message}`);
      return ms;
    };
    for (let quantity = 1; quantity <= warmUps; quantity += 1) await time(quantity);
    const asked: number[] = [];
    const kept: number[] = [];
    for (let quantity = warmUps + 1; quantity <= warmUps + rounds; quantity += 1) {
      asked.push(await time(quantity));
      kept.push(await time(quantity));
    }
    return {
      p50Ms: rounded(quantile(asked, 0.5), 2),
      p95Ms: rounded(quantile(asked, 0.95), 2),
      keptP50Ms: rounded(quantile(kept, 0.5), 2),
      keptP95Ms: rounded(quantile(kept, 0.95), 2),
    };
  } finally {
    await fixture.stop();
  }
}
