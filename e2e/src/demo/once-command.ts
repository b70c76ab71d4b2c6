import type { NetworkOptions } from '../harness/network.ts';
import { type FailedReport, type OnceReport, runOnce } from '../scenario/once.ts';

/** Runs the scenario once and tells what came of it; the exit code is 0 only if all of it held. */
export async function runOnceCommand(options: NetworkOptions, json: boolean): Promise<number> {
  const report = await runOnce(options);
  if (options.signal?.aborted) return 130;
  process.stderr.write('order' in report ? summary(report) : failure(report));
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  return report.ok ? 0 : 1;
}

function failure({ error }: FailedReport): string {
  return `\nIt did not hold. ${error.code}: ${error.message}\n`;
}

function summary(report: OnceReport): string {
  const side = (quote: { price: string; quantity: string } | null) =>
    quote ? `${quote.quantity} at ${quote.price}` : 'nothing';
  const before = new Map(
    report.balances.before.map((one) => [`${one.party} ${one.asset}`, one.amount]),
  );
  return [
    '',
    'The market as one book',
    ...report.venues.map(
      ({ id, bid, offer }) => `  ${id.padEnd(8)} bids ${side(bid)}, offers ${side(offer)}`,
    ),
    `  CBBO     bids ${side(report.cbbo.bid)}, offers ${side(report.cbbo.offer)}`,
    '',
    `Order ${report.order.id}: bought ${report.order.filled} of ${report.order.quantity} at ${report.order.averagePrice} on average`,
    ...report.executions.map(
      ({ venue, quantity, price }) => `  ${venue.padEnd(8)} filled ${quantity} at ${price}`,
    ),
    '',
    `Settled, all legs in one transaction: ${report.settlement.transactionHash}, block ${report.settlement.blockNumber}`,
    ...report.balances.after
      .filter((one) => before.get(`${one.party} ${one.asset}`) !== one.amount)
      .map(
        ({ party, asset, amount }) =>
          `  ${party.padEnd(11)} ${asset}  ${before.get(`${party} ${asset}`)} -> ${amount}`,
      ),
    '',
    'Refused, as it must be',
    ...report.refusals.map(({ what, code, reason }) => `  ${what}\n    ${code}: ${reason}`),
    '',
    `All of it held, in ${(report.stagesMs.total ?? 0) / 1_000} s.`,
    '',
  ].join('\n');
}
