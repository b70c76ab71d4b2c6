/**
 * What an issuer sees of its tokens on every venue: `node issuer.ts SECONDS`, with the gateway's address in
 * STOA_URL and an access token of scope `issuer:read` in STOA_TOKEN. It listens to alerts for so long.
 */
import {
  CapTableDocument,
  createStoaClient,
  ListingAlertsDocument,
  ListingMatrixDocument,
  sumAmounts,
} from '@stoa/client';

const { STOA_URL: url = '', STOA_TOKEN: token = '' } = process.env;
const stoa = createStoaClient({ url, credentials: { kind: 'bearer', token } });

const { data } = await stoa.query(ListingMatrixDocument, {});
for (const row of data.listingMatrix ?? []) {
  const spread = row.spread ?? 'none';
  console.log(`${row.instrument.symbol} at ${row.venue.id}: ${row.status}, spread ${spread}`);
  for (const { code, message } of row.contradictions) console.log(`  ${code}: ${message}`);
}

// Every page of the holders, as of one block.
const instrument = data.listingMatrix?.[0]?.instrument.id ?? '';
const balances: string[] = [];
let atBlock: number | undefined;
for (let after: string | undefined, hasMore = true; hasMore; ) {
  const page = await stoa.query(CapTableDocument, { instrument, first: 2, atBlock, after });
  const table = page.data.capTable;
  balances.push(...(table?.entries ?? []).map(({ balance }) => balance));
  atBlock = table?.blockNumber;
  after = table?.entries.at(-1)?.cursor;
  hasMore = table?.hasMore ?? false;
}
console.log(`${balances.length} holders have ${sumAmounts(balances)}`);

// All that ever happened, then what happens: keep the number, and go on from it another day.
setTimeout(() => stoa.close(), Number(process.argv[2] ?? 60) * 1_000);
for await (const update of stoa.subscribe(ListingAlertsDocument, { after: 0 })) {
  const { sequence, event } = update.data.listingAlerts;
  if (event) console.log(`${sequence} ${event.venue.id}: ${event.kind} ${event.after}`);
}
