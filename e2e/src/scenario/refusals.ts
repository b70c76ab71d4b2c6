import {
  decodeSettlementLogs,
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  settleGasLimit,
  signVenueBatch,
  venuesOfBatch,
} from '@stoa/contracts';
import { keccak256, stringToHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { connectLocalChain } from '../chain/chain-writer.ts';
import { DEMO_VENUES } from '../harness/demo-venues.ts';
import type { Network } from '../harness/network.ts';
import type { BrokerDesk } from './broker-desk.ts';
import { forgedFrame, openProbe } from './forged-frame.ts';
import { readHoldings } from './holdings.ts';
import { readMetric } from './node-metrics.ts';
import { eventually, scenarioFailure } from './scenario-failure.ts';
import type { SplitTrade } from './split-trade.ts';
import { countStoredOrders, readBatchLegs } from './stored-trades.ts';

/** Something the network must refuse, and how it did. */
export interface ObservedRefusal {
  readonly what: string;
  readonly code: string;
  readonly reason: string;
}

/** A buy for an investor without a valid claim: refused before anything is routed or stored. */
export async function refuseUnverifiedInvestor(
  network: Network,
  desk: BrokerDesk,
  limitPrice: string,
): Promise<ObservedRefusal> {
  const stored = () =>
    Promise.all(DEMO_VENUES.map((venue) => countStoredOrders(network, venue))).then(String);
  const before = await stored();
  const placed = await desk.place({
    clientOrderId: 'for-mallory',
    instrument: network.chain.instrument,
    account: network.chain.mallory.address,
    side: 'BUY',
    type: 'LIMIT',
    timeInForce: 'IOC',
    quantity: '1',
    limitPrice,
  });
  if (!('refusal' in placed)) throw scenarioFailure('An investor without a claim could buy.');
  if ((await stored()) !== before) {
    throw scenarioFailure('A refused order left a trace in a book of orders.');
  }
  const { code, message } = placed.refusal;
  return { what: 'an investor without a valid claim buys', code, reason: message };
}

/** A quote in a venue's name, signed by a stranger, brought by a member: every node rejects it. */
export async function rejectForgedQuote(network: Network): Promise<ObservedRefusal> {
  const code = 'SIGNATURE_INVALID';
  const processes = [...network.venues.values(), network.gateway];
  const rejected = () =>
    Promise.all(
      processes.map((node) =>
        readMetric(node, 'stoa_frames_judged_total', { verdict: 'reject', code }),
      ),
    );
  const before = await rejected();
  const probe = await openProbe(network);
  try {
    await eventually('A link from the probe to every node', async () =>
      probe.peers().length >= processes.length ? true : undefined,
    );
    await eventually('A rejection of the forged quote by every node', async () => {
      // Again and again: a stream to a node may open later than the connection it stands on.
      const feed = probe.market.feeds().find((one) => one.venue === DEMO_VENUES[0]);
      probe.broadcast(forgedFrame(network.chain.instrument, DEMO_VENUES[0], feed));
      const now = await rejected();
      return now.every((count, index) => count > (before[index] ?? 0)) ? true : undefined;
    });
  } finally {
    await probe.stop();
  }
  return {
    what: `a quote in ${DEMO_VENUES[0]}'s name, signed by a stranger`,
    code,
    reason: `All ${processes.length} nodes rejected it: the signature is of no key of ${DEMO_VENUES[0]}.`,
  };
}

/** A settled trade submitted once more, properly signed by its venues: the chain settles it once. */
export async function refuseSecondSettlement(
  network: Network,
  trade: SplitTrade,
): Promise<ObservedRefusal> {
  const batch = trade.order.settlements[0]?.batchId ?? '';
  const stored = await readBatchLegs(network, DEMO_VENUES[0], batch);
  const group: SettlementGroup = stored.map((leg) => ({
    ...leg,
    tradeNumber: BigInt(leg.tradeNumber),
    quantity: BigInt(leg.quantity),
    amount: BigInt(leg.amount),
  }));
  if (group.length === 0) throw scenarioFailure(`The home venue has no batch ${batch}.`);
  const groups = [group];
  const batchId = keccak256(stringToHex(`${batch} again`));
  const { chainId, settlement } = network.chain;
  const signer = (venue: string) => {
    const key = network.identities.get(venue)?.signerKey;
    if (!key) throw scenarioFailure(`No settlement key of ${venue} at hand.`);
    return privateKeyToAccount(key);
  };
  const signatures = await Promise.all(
    venuesOfBatch(groups).map((venue) =>
      signVenueBatch(signer(venue), {
        domain: { chainId, settlement },
        ...{ batchId, venue, legs: group, groupsHash: groupsHash(groups) },
      }),
    ),
  );
  const client = connectLocalChain(network.rpcUrl);
  // Paid by the admin: the venues' own nonces belong to their nodes.
  const hash = await client.sendTransaction({
    account: privateKeyToAccount(network.chain.admin.privateKey),
    to: settlement,
    data: encodeSettle({ domain: { chainId, settlement }, batchId, groups, signatures }),
    gas: settleGasLimit(groups),
  });
  const receipt = await client.waitForTransactionReceipt({ hash });
  const { settled, failed } = decodeSettlementLogs(receipt.logs, settlement);
  const reason = failed[0]?.reason;
  if (settled.length > 0 || !reason) {
    throw scenarioFailure('A settled trade settled again.', { settled });
  }
  if (JSON.stringify(await readHoldings(network), digits) !== JSON.stringify(trade.after, digits)) {
    throw scenarioFailure('A second settlement moved something.');
  }
  return { what: 'a trade id submitted twice', code: reason.code, reason: reason.message };
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
