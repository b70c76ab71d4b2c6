import { sql } from 'drizzle-orm';
import { type Address, zeroAddress } from 'viem';
import type { Transaction } from '../store/database.ts';
import { tokenBalances } from '../store/tables/token-balances.ts';
import { tokenTransfers } from '../store/tables/token-transfers.ts';
import type { TokenTransfer } from './transfer-logs.ts';

/** Rows of one statement; a statement takes them as one parameter. */
const mostAtOnce = 10_000;

/** Takes transfers of a token in and moves the balances of those concerned, in one transaction. */
export async function enterTransfers(
  tx: Transaction,
  token: Address,
  transfers: readonly TokenTransfer[],
): Promise<void> {
  for (let first = 0; first < transfers.length; first += mostAtOnce) {
    const rows = transfers.slice(first, first + mostAtOnce).map((one) => ({
      block: Number(one.blockNumber),
      log: one.logIndex,
      from: one.sender,
      to: one.receiver,
      value: one.value.toString(),
      hash: one.transactionHash,
    }));
    await tx.execute(sql`
      insert into ${tokenTransfers}
        (token, block_number, log_index, sender, receiver, value, transaction_hash)
      select ${token}, block, log, "from", "to", value, hash
      from json_to_recordset(${JSON.stringify(rows)}::json) as rows
        (block bigint, log integer, "from" text, "to" text, value numeric, hash text)`);
  }
  const changes = new Map<Address, bigint>();
  const change = (holder: Address, by: bigint): void => {
    if (holder !== zeroAddress) changes.set(holder, (changes.get(holder) ?? 0n) + by);
  };
  for (const { sender, receiver, value } of transfers) {
    change(sender, -value);
    change(receiver, value);
  }
  await moveBalances(tx, token, changes);
}

/** Takes back what was transferred after the block. */
export async function takeBackTransfers(
  tx: Transaction,
  token: Address,
  ancestor: bigint,
): Promise<void> {
  await tx.execute(sql`
    with undone as (
      delete from ${tokenTransfers} where token = ${token} and block_number > ${Number(ancestor)}
      returning sender, receiver, value),
    changes as (
      select holder, sum(change) as change from (
        select sender as holder, value as change from undone
        union all select receiver, -value from undone) as moves
      group by holder)
    update ${tokenBalances} as held set balance = held.balance + changes.change
    from changes where held.token = ${token} and held.holder = changes.holder`);
}

async function moveBalances(
  tx: Transaction,
  token: Address,
  changes: ReadonlyMap<Address, bigint>,
): Promise<void> {
  const rows = [...changes].map(([holder, change]) => ({ holder, change: change.toString() }));
  for (let first = 0; first < rows.length; first += mostAtOnce) {
    const some = JSON.stringify(rows.slice(first, first + mostAtOnce));
    await tx.execute(sql`
      insert into ${tokenBalances} as held (token, holder, balance)
      select ${token}, holder, change
      from json_to_recordset(${some}::json) as rows (holder text, change numeric)
      on conflict (token, holder) do update set balance = held.balance + excluded.balance`);
  }
}
