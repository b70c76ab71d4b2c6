import {
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  type SettlementLeg,
  settleGasLimit,
  signVenueBatch,
  venuesOfBatch,
} from '@stoa/contracts';
import { rawTransfersAbi } from '@stoa/contracts/testing/raw-transfers';
import {
  type Abi,
  type Account,
  type Address,
  encodeFunctionData,
  type Hex,
  keccak256,
  parseEventLogs,
  stringToHex,
} from 'viem';
import { type GasToken, type GasWorld, startGasWorld } from './gas-world.ts';

/** Gas of one trade, as a share of a transaction that settles `batch` of them. */
export interface GasFigure {
  readonly batch: number;
  readonly token: GasToken;
  readonly modules: boolean;
  /** All legs in one all-or-none group, as the trades of one order are. */
  readonly perLeg: number;
  /** Each leg a group of its own: one that fails leaves the others alone. */
  readonly perLegApart: number;
  /** The two `transferFrom` calls alone, as many of them in one transaction, by a bare loop. */
  readonly rawPerLeg: number;
  /** The two `transferFrom` calls as two transactions of their own. */
  readonly rawTransactions: number;
  /** T-REX's DVDTransferManager: initiate and take; it has no batches. */
  readonly dvdPerTrade: number;
}

export interface MeasureGasOptions {
  readonly batches?: readonly number[];
  /** Wallets that trade with one another, half of them sellers. */
  readonly walletCount?: number;
}

/** The EIP-7825 limit of one transaction. */
const transactionGasCap = 16_777_216n;

/**
 * Gas of settlement beside the bare transfers and beside T-REX's own delivery against payment, on
 * a local chain. Gas is exact: two runs give the same figures.
 */
export async function measureGas(options: MeasureGasOptions = {}): Promise<GasFigure[]> {
  const { batches = [1, 10, 50], walletCount = 20 } = options;
  const figures: GasFigure[] = [];
  for (const { token, modules } of [
    { token: 'trex', modules: false },
    { token: 'trex', modules: true },
    { token: 'erc20', modules: false },
  ] as const) {
    await using world = await startGasWorld({ token, walletCount, modules });
    for (const batch of batches) {
      figures.push({ batch, token, modules, ...(await measureBatch(world, batch)) });
    }
  }
  return figures;
}

async function measureBatch(world: GasWorld, batch: number) {
  const { timestamp } = await world.client.getBlock();
  const deadline = Number(timestamp) + 3_600;
  // Trade number 0 has settled: the storage slot that 256 numbers share is not the first's to pay.
  const [first, ...legs] = Array.from({ length: batch + 1 }, (_, index) =>
    legAt(world, index, deadline),
  );
  if (!first) throw new Error('no legs');
  return isolated(world, async () => {
    await settle(world, 'first', [[first]]);
    const apart = legs.map((leg) => [leg]);
    const perLegApart = await isolated(world, () => settle(world, 'apart', apart));
    const perLeg = await isolated(world, () => settle(world, 'together', [legs]));
    const raw = await isolated(world, () => rawInOne(world, legs));
    const rawTransactions = await isolated(world, () => rawInTwo(world, first));
    const dvd = await isolated(world, () => dvdTrade(world, first));
    const share = (gas: bigint) => Math.round(Number(gas) / batch);
    return {
      perLeg: share(perLeg),
      perLegApart: share(perLegApart),
      rawPerLeg: share(raw),
      rawTransactions: Number(rawTransactions),
      dvdPerTrade: Number(dvd),
    };
  });
}

/** Runs on a state that is afterwards as it was. */
async function isolated<T>({ client }: GasWorld, run: () => Promise<T>): Promise<T> {
  const id = await client.snapshot();
  try {
    return await run();
  } finally {
    await client.revert({ id });
  }
}

function legAt(world: GasWorld, index: number, deadline: number): SettlementLeg {
  const half = world.wallets.length / 2;
  const seller = world.wallets[index % half];
  // Shifted by one after each round, so that the pairs differ too.
  const buyer = world.wallets[half + ((index + Math.floor(index / half)) % half)];
  if (!seller || !buyer) throw new Error('no wallets');
  return {
    executingVenue: 'beta',
    homeVenue: 'alpha',
    tradeNumber: BigInt(index),
    token: world.token,
    cashToken: world.cashToken,
    seller: seller.address,
    buyer: buyer.address,
    quantity: 25n * 10n ** 18n,
    amount: 14_633_250_000n,
    deadline,
  };
}

async function settle(
  world: GasWorld,
  name: string,
  groups: readonly SettlementGroup[],
): Promise<bigint> {
  const batchId = keccak256(stringToHex(name));
  const domain = { chainId: world.client.chain.id, settlement: world.settlement };
  const batch = { domain, batchId, legs: groups.flat(), groupsHash: groupsHash(groups) };
  const signatures = await Promise.all(
    venuesOfBatch(groups).map((venue) =>
      signVenueBatch(world.signers[venue === 'alpha' ? 'alpha' : 'beta'], { ...batch, venue }),
    ),
  );
  const data = encodeSettle({ domain, batchId, groups, signatures });
  const { logs, gasUsed } = await send(world, world.signers.alpha, world.settlement, data, groups);
  const settled = logs.filter(
    ({ address }) => address.toLowerCase() === world.settlement.toLowerCase(),
  );
  if (settled.length < groups.flat().length) throw new Error('a leg did not settle');
  return gasUsed;
}

async function send(
  { client }: GasWorld,
  account: Account,
  to: Address,
  data: Hex,
  groups?: readonly SettlementGroup[],
) {
  const wanted = groups ? settleGasLimit(groups) : transactionGasCap;
  const gas = wanted < transactionGasCap ? wanted : transactionGasCap;
  const { address } = account;
  const hash = await client.sendTransaction({
    ...{ account, to, data, gas },
    // Of the chain as it is: after a state is restored, what the pool and the fees were is no guide.
    nonce: await client.getTransactionCount({ address, blockTag: 'latest' }),
    ...{ maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n },
  });
  const receipt = await client.waitForTransactionReceipt({ hash });
  if (receipt.status !== 'success') throw new Error('a transaction reverted');
  return receipt;
}

async function rawInOne(world: GasWorld, legs: readonly SettlementLeg[]): Promise<bigint> {
  const data = encodeFunctionData({ abi: rawTransfersAbi, functionName: 'move', args: [legs] });
  return (await send(world, world.signers.alpha, world.rawTransfers, data)).gasUsed;
}

const erc20 = (functionName: 'approve' | 'transferFrom', args: readonly unknown[]) =>
  encodeFunctionData({ abi: erc20Writes, functionName, args });
const erc20Writes: Abi = [
  {
    type: 'function',
    name: 'approve',
    stateMutability: 'nonpayable',
    inputs: [{ type: 'address' }, { type: 'uint256' }],
    outputs: [{ type: 'bool' }],
  },
  {
    type: 'function',
    name: 'transferFrom',
    stateMutability: 'nonpayable',
    inputs: [{ type: 'address' }, { type: 'address' }, { type: 'uint256' }],
    outputs: [{ type: 'bool' }],
  },
];

async function rawInTwo(world: GasWorld, leg: SettlementLeg): Promise<bigint> {
  const spender = world.signers.alpha;
  const { token, cashToken, seller, buyer, quantity, amount } = leg;
  const owner = (address: Address) => {
    const found = world.wallets.find((wallet) => wallet.address === address);
    if (!found) throw new Error('no wallet');
    return found;
  };
  const approval = erc20('approve', [spender.address, 2n ** 256n - 1n]);
  await send(world, owner(seller), token, approval);
  await send(world, owner(buyer), cashToken, approval);
  const delivery = erc20('transferFrom', [seller, buyer, quantity]);
  const payment = erc20('transferFrom', [buyer, seller, amount]);
  const { gasUsed } = await send(world, spender, token, delivery);
  return gasUsed + (await send(world, spender, cashToken, payment)).gasUsed;
}

async function dvdTrade(world: GasWorld, leg: SettlementLeg): Promise<bigint> {
  const { dvdManager: to, dvdManagerAbi: abi } = world;
  const [seller, buyer] = [leg.seller, leg.buyer].map((address) =>
    world.wallets.find((wallet) => wallet.address === address),
  );
  if (!seller || !buyer) throw new Error('no wallet');
  const { token, cashToken, quantity, amount } = leg;
  const initiate = encodeFunctionData({
    abi,
    functionName: 'initiateDVDTransfer',
    args: [token, quantity, buyer.address, cashToken, amount],
  });
  const initiated = await send(world, seller, to, initiate);
  const [event] = parseEventLogs({ abi, logs: initiated.logs, eventName: 'DVDTransferInitiated' });
  const transferId = (event as { args?: { transferID?: Hex } } | undefined)?.args?.transferID;
  const take = encodeFunctionData({ abi, functionName: 'takeDVDTransfer', args: [transferId] });
  return initiated.gasUsed + (await send(world, buyer, to, take)).gasUsed;
}
