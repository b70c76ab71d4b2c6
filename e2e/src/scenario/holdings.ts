import { cashTokenAbi } from '@stoa/contracts';
import { formatDecimal } from '@stoa/schema';
import type { Address } from 'viem';
import { connectLocalChain } from '../chain/chain-writer.ts';
import { demoInstrument } from '../chain/deploy-network.ts';
import type { Network } from '../harness/network.ts';

/** What a party holds of one asset, on chain, in the asset's smallest unit. */
export interface Holding {
  readonly party: string;
  readonly asset: 'ACME' | 'DUSD';
  readonly amount: bigint;
}

/** Decimals of the demo's assets on chain. */
export const ASSET_DECIMALS = { ACME: demoInstrument.tokenDecimals, DUSD: 6 } as const;

/** Reads what alice and the investor of each venue's flow hold. */
export async function readHoldings(network: Network): Promise<Holding[]> {
  const client = connectLocalChain(network.rpcUrl);
  const { chain } = network;
  const parties: [string, Address][] = [
    ['alice', chain.alice.address],
    ...Object.entries(chain.flowWallets).map(([venue, wallet]): [string, Address] => [
      `${venue}-flow`,
      wallet.address,
    ]),
  ];
  const assets = [
    ['ACME', chain.token],
    ['DUSD', chain.cashToken],
  ] as const;
  return Promise.all(
    parties.flatMap(([party, owner]) =>
      assets.map(async ([asset, token]) => ({
        party,
        asset,
        amount: await client.readContract({
          address: token,
          abi: cashTokenAbi,
          functionName: 'balanceOf',
          args: [owner],
        }),
      })),
    ),
  );
}

/** A holding's amount as people write it. */
export function holdingText(holding: Holding): string {
  return formatDecimal(holding.amount, ASSET_DECIMALS[holding.asset]);
}

/** The amount of a party's asset in a list of holdings; zero where it is not in it. */
export function amountOf(
  holdings: readonly Holding[],
  party: string,
  asset: Holding['asset'],
): bigint {
  return holdings.find((one) => one.party === party && one.asset === asset)?.amount ?? 0n;
}
