import {
  CodedError,
  type DirectorySource,
  type Instrument,
  type MemberId,
  type Side,
} from '@stoa/schema';
import { and, gt, inArray } from 'drizzle-orm';
import { type Address, type Client, parseAbi } from 'viem';
import { getBlockNumber, multicall } from 'viem/actions';
import type { Database } from '../store/database.ts';
import { tokenBalances } from '../store/tables/token-balances.ts';
import { lower } from './batch-composition.ts';
import type { UnsettledClaims, UnsettledTrades } from './unsettled-fills.ts';

/** A token in a wallet, of which something is held, promised or under way. */
export interface PositionKey {
  /** In lower case, as all addresses here. */
  readonly account: Address;
  readonly token: Address;
}

/** What a wallet has of a token. Amounts are in the token's smallest unit. */
export interface Position extends PositionKey {
  readonly symbol: string;
  readonly decimals: number;
  /** Absent for cash. */
  readonly instrument: Instrument | undefined;
  /** On chain, after this block. */
  readonly balance: bigint;
  readonly blockNumber: bigint;
  /** Of it, frozen by the token's agent; undefined where the token's standard does not tell. */
  readonly frozen: bigint | undefined;
  /** What the wallet's open orders would give away, at most. */
  readonly openOrders: bigint;
  /** What fills gave away, and are to bring, that have not settled. */
  readonly unsettledOut: bigint;
  readonly unsettledIn: bigint;
  /** Of the balance: what neither is frozen, nor spoken for; never negative. */
  readonly available: bigint;
}

/** Positions of wallets, from the chain, the index of transfers, open orders and unsettled fills. */
export interface PositionReader {
  /**
   * What a member's wallets, or one of them, have something of: tokens held or under way, and every cash token;
   * in the order of account and token. Of a wallet that is not the member's there is nothing.
   */
  keys(member: MemberId, account?: Address): Promise<PositionKey[]>;
  /** What stands where of some of the member's. @throws CodedError `CHAIN_UNAVAILABLE` */
  read(member: MemberId, keys: readonly PositionKey[]): Promise<Position[]>;
}

/** What positions are read from. */
export interface PositionNeeds {
  readonly db: Database;
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly unsettled: UnsettledClaims & Pick<UnsettledTrades, 'due'>;
  /** What open orders and unsettled fills of a wallet would give away on one side of an instrument. */
  readonly promised: (
    member: MemberId,
    wallet: {
      readonly account: Address;
      readonly instrument: Instrument;
      readonly side: Side;
    },
  ) => bigint;
  /** Wallets that members trade for, in lower case. */
  readonly accounts: ReadonlyMap<MemberId, ReadonlySet<string>>;
}

/** A token by what it is in the directory. */
interface Asset {
  readonly symbol: string;
  readonly decimals: number;
  readonly instrument: Instrument | undefined;
  /** An instrument that is settled in it, where it is cash. */
  readonly paidFor: Instrument;
}

/** From ERC-20 and ERC-3643. */
const abi = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function getFrozenTokens(address account) view returns (uint256)',
]);

/** Creates the {@link PositionReader} of a node. */
export function createPositionReader(needs: PositionNeeds): PositionReader {
  const { db, directory, unsettled } = needs;
  return {
    async keys(member, account) {
      const assets = assetsOf(directory);
      const own = [...(needs.accounts.get(member) ?? [])] as Address[];
      const accounts = account ? own.filter((one) => one === lower(account)) : own;
      if (accounts.length === 0) return [];
      const held = await db
        .select({ account: tokenBalances.holder, token: tokenBalances.token })
        .from(tokenBalances)
        .where(and(inArray(tokenBalances.holder, [...accounts]), gt(tokenBalances.balance, 0n)));
      const keys = new Map(held.map((key) => [positionName(key), key]));
      for (const wallet of accounts) {
        for (const [token, asset] of assets) {
          const key = { account: wallet, token };
          if (asset.instrument === undefined || isUnderWay(needs, member, key, asset)) {
            keys.set(positionName(key), key);
          }
        }
      }
      const known = [...keys.values()].filter(({ token }) => assets.has(token));
      return known.sort((one, other) => (positionName(one) < positionName(other) ? -1 : 1));
    },
    async read(member, keys) {
      const assets = assetsOf(directory);
      const known = keys.flatMap((key) => {
        const asset = assets.get(key.token);
        return asset ? [{ ...key, asset }] : [];
      });
      if (known.length === 0) return [];
      const { blockNumber, amounts } = await readAmounts(needs.client, known);
      return Promise.all(
        known.map(async ({ account, token, asset }, index) => {
          const { balance = 0n, frozen } = amounts[index] ?? {};
          // Before anything is waited for: both are of one moment.
          const openOrders = openOf(needs, member, { account, token }, asset);
          const unsettledIn = unsettled.due(account, token);
          const owed = unsettled.owed(account, token);
          // What is mined has left the balance already.
          const unsettledOut = owed === 0n ? owed : await unsettled.owedNow(account, token);
          const free = balance - (frozen ?? 0n) - openOrders - unsettledOut;
          return {
            ...{ account, token, symbol: asset.symbol, decimals: asset.decimals },
            ...{ instrument: asset.instrument, balance, blockNumber, frozen },
            ...{ openOrders, unsettledOut, unsettledIn, available: free > 0n ? free : 0n },
          };
        }),
      );
    },
  };
}

/** A position's place in its list. */
export function positionName({ account, token }: PositionKey): string {
  return `${account} ${token}`;
}

function assetsOf(directory: DirectorySource): ReadonlyMap<Address, Asset> {
  const assets = new Map<Address, Asset>();
  for (const instrument of directory.current().instruments.values()) {
    const { token, symbol, tokenDecimals, cashToken, cashSymbol, cashDecimals } = instrument;
    const own = { symbol, decimals: tokenDecimals, instrument, paidFor: instrument };
    assets.set(lower(token), own);
    const cash = { symbol: cashSymbol, decimals: cashDecimals, instrument: undefined };
    if (!assets.has(lower(cashToken)))
      assets.set(lower(cashToken), { ...cash, paidFor: instrument });
  }
  return assets;
}

function openOf(
  { promised, unsettled }: PositionNeeds,
  member: MemberId,
  { account, token }: PositionKey,
  asset: Asset,
): bigint {
  const side = asset.instrument ? 'sell' : 'buy';
  const all = promised(member, { account, instrument: asset.paidFor, side });
  return all - unsettled.owed(account, token);
}

function isUnderWay(
  { promised, unsettled }: PositionNeeds,
  member: MemberId,
  { account, token }: PositionKey,
  { paidFor }: Asset,
): boolean {
  const isDue = unsettled.due(account, token) > 0n;
  return isDue || promised(member, { account, instrument: paidFor, side: 'sell' }) > 0n;
}

/** Balances and what is frozen of them, of one block. */
async function readAmounts(
  client: Client,
  keys: readonly (PositionKey & { readonly asset: Asset })[],
) {
  const hasFrozen = ({ asset }: { readonly asset: Asset }) =>
    asset.instrument?.standard === 'ERC-3643';
  const frozenOf = keys.filter(hasFrozen);
  try {
    const blockNumber = await getBlockNumber(client, { cacheTime: 0 });
    const ask = (functionName: 'balanceOf' | 'getFrozenTokens', { account, token }: PositionKey) =>
      ({ address: token, abi, functionName, args: [account] }) as const;
    const answers = await multicall(client, {
      ...{ deployless: true, blockNumber, allowFailure: false },
      contracts: [
        ...keys.map((key) => ask('balanceOf', key)),
        ...frozenOf.map((key) => ask('getFrozenTokens', key)),
      ],
    });
    const frozen = new Map(
      frozenOf.map((key, index) => [positionName(key), answers[keys.length + index]]),
    );
    const amounts = keys.map((key, index) => ({
      balance: answers[index],
      frozen: frozen.get(positionName(key)),
    }));
    return { blockNumber, amounts };
  } catch (cause) {
    throw new CodedError('CHAIN_UNAVAILABLE', 'The chain cannot be asked.', { cause });
  }
}
