import { type BookRecovery, EmbeddedVenue } from '@stoa/adapters';
import { LinkNetwork } from './link-network.ts';
import { TestMarket } from './test-market.ts';
import { directoryOf, FLOW_WALLET, INSTRUMENT } from './test-network.ts';
import { TestNode } from './test-node.ts';

/** A venue whose whole book is this node's own, kept in a journal. */
export interface JournalledVenue {
  readonly node: TestNode;
  readonly book: EmbeddedVenue;
  readonly market: TestMarket;
  /** What the start found in the journal. */
  readonly recovery: BookRecovery;
}

/** Opens such a venue on a store and a folder, as they are. */
export async function openJournalledVenue(url: string, folder: string): Promise<JournalledVenue> {
  const recoveries: BookRecovery[] = [];
  const book = new EmbeddedVenue({
    ...{ venue: 'alpha', instruments: [INSTRUMENT], nowMs: () => Date.now() },
    flowOwner: { member: 'alpha', account: FLOW_WALLET },
    journal: { folder, onRecovered: (one) => void recoveries.push(one) },
  });
  const market = new TestMarket(INSTRUMENT.id, ['alpha']);
  const directory = directoryOf(['alpha']);
  const options = { venue: 'alpha', network: new LinkNetwork(), market, directory };
  const node = await TestNode.open(url, options, book);
  const [recovery] = recoveries;
  if (!recovery) throw new Error('the book opened no journal');
  return { node, book, market, recovery };
}
