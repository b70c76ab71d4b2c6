import { signMandate } from '@stoa/contracts';
import { formatDecimal } from '@stoa/schema';
import { privateKeyToAccount } from 'viem/accounts';
import { demoInstrument } from '../chain/deploy-network.ts';
import { askGraphql } from '../harness/graphql-client.ts';
import { brokerToken, type Network } from '../harness/network.ts';
import type { BrokerDesk, OrderAnswer, RefusalAnswer } from './broker-desk.ts';
import { ASSET_DECIMALS } from './holdings.ts';
import { scenarioFailure } from './scenario-failure.ts';
import { integerOf } from './split-trade.ts';

/** What an investor's mandate came to, from its registration to its end. */
export interface MandatedTrade {
  /** Of the same mandate sent twice: whether it was registered before. */
  readonly existed: readonly boolean[];
  readonly order: OrderAnswer;
  /** What the chain counts under the mandate then, in the token's smallest unit. */
  readonly used: string | undefined;
  /** Codes of what was refused: an order for more than is left, and one at a worse price. */
  readonly refused: readonly string[];
  /** Of the mandate once its broker revoked it. */
  readonly state: string;
  /** The same order for more than was left, which nothing forbids any more. */
  readonly afterwards: OrderAnswer;
}

/** What {@link tradeUnderMandate} comes to in a network that does as it should. */
export const HELD_TO_MANDATE = {
  existed: [false, true],
  order: { status: 'FILLED', settlements: [{ state: 'SETTLED' }] },
  used: String(3n * 10n ** BigInt(demoInstrument.tokenDecimals)),
  refused: ['MANDATE_QUANTITY_EXCEEDED', 'MANDATE_PRICE_EXCEEDED'],
  state: 'REVOKED',
  afterwards: { status: 'FILLED', settlements: [{ state: 'SETTLED' }] },
};

const REGISTER = `mutation ($input: RegisterMandateInput!) { registerMandate(input: $input) {
  ... on MandateRegistered { existed mandate { id } } ... on Refusal { code message action } } }`;
const REVOKE = `mutation ($id: ID!) { revokeMandate(id: $id) {
  ... on MandateRevoked { mandate { state } } ... on Refusal { code message action } } }`;

/**
 * The investor signs that four shares may be bought at what is offered: three are, two more are refused,
 * and so is one at a worse price. All through the gateway, as any broker does it.
 */
export async function tradeUnderMandate(
  network: Network,
  desk: BrokerDesk,
): Promise<MandatedTrade> {
  const token = await brokerToken(network);
  const ask = async <Data>(query: string, variables: Record<string, unknown> = {}) => {
    const request = { query, variables, token };
    const { data, errors } = await askGraphql<Data>(network.gateway.graphql, request);
    if (!data || errors.length > 0) throw scenarioFailure(JSON.stringify(errors));
    return data;
  };
  // Deep enough that it fills, whatever the best level has left.
  const limitPrice = (await desk.book()).offers.at(-1)?.price ?? '0';
  const worse = formatDecimal(
    integerOf(limitPrice, demoInstrument.priceDecimals) + demoInstrument.tickSize,
    demoInstrument.priceDecimals,
  );
  const place = (clientOrderId: string, quantity: string, price = limitPrice) =>
    desk.place({
      ...{ clientOrderId, quantity, limitPrice: price },
      ...{ instrument: network.chain.instrument, account: network.chain.alice.address },
      ...{ side: 'BUY', type: 'LIMIT', timeInForce: 'IOC' },
    });
  const filled = async (clientOrderId: string, quantity: string): Promise<OrderAnswer> => {
    const placed = await place(clientOrderId, quantity);
    if ('refusal' in placed) throw scenarioFailure(JSON.stringify(placed.refusal));
    return desk.settledOrder(clientOrderId);
  };

  const input = await signedInput(network, limitPrice);
  const register = async () => {
    const { registerMandate: answer } = await ask<{ registerMandate: Registered }>(REGISTER, {
      input,
    });
    if ('code' in answer) throw scenarioFailure(JSON.stringify(answer));
    return answer;
  };
  const first = await register();
  const second = await register();
  const order = await filled('mandated-1', '3');
  const { mandates } = await ask<{ mandates: { id: string; used: string }[] }>(
    '{ mandates { id used } }',
  );
  const over = [await place('mandated-2', '2'), await place('mandated-3', '1', worse)];
  const { revokeMandate: revoked } = await ask<{
    revokeMandate: { mandate: { state: string } } | RefusalAnswer;
  }>(REVOKE, { id: first.mandate.id });
  return {
    existed: [first.existed, second.existed],
    order,
    used: mandates.find(({ id }) => id === first.mandate.id)?.used,
    refused: over.map((answer) => ('refusal' in answer ? answer.refusal.code : 'PLACED')),
    state: 'mandate' in revoked ? revoked.mandate.state : revoked.code,
    afterwards: await filled('mandated-4', '2'),
  };
}

type Registered =
  | { readonly existed: boolean; readonly mandate: { readonly id: string } }
  | RefusalAnswer;

/** Four shares at this price or better, for an hour, at any venue; as alice's wallet signs it. */
async function signedInput({ chain }: Network, limitPrice: string) {
  const unit = 10n ** BigInt(demoInstrument.tokenDecimals);
  const investor = privateKeyToAccount(chain.alice.privateKey);
  const terms = {
    limitAmount: integerOf(limitPrice, ASSET_DECIMALS.DUSD),
    ...{ limitQuantity: unit, quantity: 4n * unit, nonce: 1n },
    ...{ expiry: Math.floor(Date.now() / 1_000) + 3_600, venues: [] },
  };
  const { signature } = await signMandate(
    investor,
    { chainId: chain.chainId, settlement: chain.settlement },
    {
      ...{ ...terms, investor: investor.address, side: 'buy' },
      ...{ token: chain.token, cashToken: chain.cashToken },
    },
  );
  const { limitAmount, limitQuantity, quantity, nonce } = terms;
  return {
    ...{ investor: investor.address, instrument: chain.instrument, side: 'BUY' },
    ...{ limitAmount: `${limitAmount}`, limitQuantity: `${limitQuantity}` },
    ...{ quantity: `${quantity}`, nonce: `${nonce}`, expiry: terms.expiry, venues: terms.venues },
    ...{ chainId: chain.chainId, verifyingContract: chain.settlement, signature },
  };
}
