import { type BatchPurpose, cashAmount, type SettlementLeg, tokenAmount } from '@stoa/contracts';
import {
  type Directory,
  type Execution,
  isRefusal,
  type Refusal,
  refuse,
  type SettlementLegMessage,
  type VenueId,
} from '@stoa/schema';
import { encodeAbiParameters, type Hex, keccak256 } from 'viem';
import type { StoredGroup } from '../store/tables/settlement-batches.ts';

/** What a trade moves, in the tokens' smallest units. */
export interface TradeTerms {
  readonly token: `0x${string}`;
  readonly cashToken: `0x${string}`;
  readonly tokenQuantity: bigint;
  readonly cashAmount: bigint;
}

/** The part of an execution that its settlement rests on. */
export type TradeFacts = Pick<
  Execution,
  'venue' | 'tradeNumber' | 'instrument' | 'price' | 'quantity' | 'buyer' | 'seller' | 'homeVenue'
>;

/** What a trade moves, by the directory's terms of its instrument; a refusal when it can move nothing. */
export function tradeTerms(
  trade: TradeFacts,
  directory: Directory,
): TradeTerms | Refusal<'INSTRUMENT_UNKNOWN' | 'AMOUNT_NOT_EXACT' | 'SELF_TRADE'> {
  const instrument = directory.instruments.get(trade.instrument);
  if (!instrument) {
    return refuse(
      'INSTRUMENT_UNKNOWN',
      `The listing registry does not know the instrument ${trade.instrument}.`,
      'Ask the issuer to register it.',
    );
  }
  if (lower(trade.buyer) === lower(trade.seller)) {
    return refuse(
      'SELF_TRADE',
      `Buyer and seller of trade ${trade.tradeNumber} are the same wallet.`,
      'Nothing is to be settled.',
    );
  }
  const quantity = tokenAmount({ ...instrument, quantity: trade.quantity });
  if (isRefusal(quantity)) return quantity;
  const amount = cashAmount({ ...instrument, price: trade.price, quantity: trade.quantity });
  if (isRefusal(amount)) return amount;
  return {
    token: lower(instrument.token),
    cashToken: lower(instrument.cashToken),
    tokenQuantity: quantity,
    cashAmount: amount,
  };
}

/**
 * Id of a batch: keccak256(abi.encode(home venue, order id, group number)). The same group has the
 * same id after any crash.
 */
export function batchIdOf(homeVenue: VenueId, orderId: string, groupNumber: number): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: 'string' }, { type: 'string' }, { type: 'uint256' }],
      [homeVenue, orderId, BigInt(groupNumber)],
    ),
  );
}

/** A batch's groups with their legs, in order. */
export interface BatchGroup extends StoredGroup {
  /** Place of its first leg in the batch's. */
  readonly first: number;
}

/** How a stored batch's legs are grouped. */
export function groupsOf({
  groups,
  legs,
  orderId,
  groupNumber,
}: {
  readonly groups: readonly StoredGroup[] | null;
  readonly legs: readonly unknown[];
  readonly orderId: string | null;
  readonly groupNumber: number | null;
}): BatchGroup[] {
  let first = 0;
  const whole = {
    ...{ index: 0, legs: legs.length },
    ...(orderId !== null && groupNumber !== null && { orderId, groupNumber }),
  };
  return (groups ?? [whole]).map((group) => {
    const placed = { ...group, first };
    first += group.legs;
    return placed;
  });
}

/** The legs of a stored batch as the contract takes them: netted, they are one group. */
export function contractGroups(
  batch: Parameters<typeof groupsOf>[0] & {
    readonly legs: readonly SettlementLegMessage[];
    readonly purpose: BatchPurpose;
  },
): SettlementLeg[][] {
  const legs = batch.legs.map(legFromMessage);
  if (batch.purpose === 'net') return [legs];
  return groupsOf(batch).map(({ first, legs: count }) => legs.slice(first, first + count));
}

/** A leg of the contract as order messages and the store hold it. */
export function legToMessage(leg: SettlementLeg): SettlementLegMessage {
  return {
    ...leg,
    tradeNumber: Number(leg.tradeNumber),
    quantity: leg.quantity.toString(),
    amount: leg.amount.toString(),
  };
}

/** The reverse; addresses in lower case, since a foreign checksum is not ours to trust. */
export function legFromMessage(message: SettlementLegMessage): SettlementLeg {
  return {
    ...message,
    tradeNumber: BigInt(message.tradeNumber),
    token: lower(message.token),
    cashToken: lower(message.cashToken),
    seller: lower(message.seller),
    buyer: lower(message.buyer),
    quantity: BigInt(message.quantity),
    amount: BigInt(message.amount),
  };
}

/** An address or other hexadecimal text in the one form that is compared and stored. */
export function lower(text: `0x${string}`): `0x${string}` {
  return text.toLowerCase() as `0x${string}`;
}
