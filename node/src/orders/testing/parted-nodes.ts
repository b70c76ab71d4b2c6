import { EmbeddedVenue } from '@stoa/adapters';
import {
  decodeOrderMessage,
  decodeSigned,
  isRefusal,
  MAX_ORDER_MESSAGE_BYTES,
  type OrderMessageBody,
  type VenueId,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { createAdmission } from '../../network/admission.ts';
import { createHost, type Host } from '../../network/host.ts';
import type { OrderLinks } from '../../network/order-links.ts';
import { createOrderStreams } from '../../network/order-streams.ts';
import { peerIdOf } from '../../network/peer-id.ts';
import { type BreakableWay, startBreakableWay } from '../../network/testing/breakable-way.ts';
import type { TemporaryDatabases } from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { EngineLedger } from './engine-ledger.ts';
import { TestMarket } from './test-market.ts';
import { directoryOf, FLOW_WALLET, INSTRUMENT, keyOf, SILENT, seedOf } from './test-network.ts';
import { TestNode } from './test-node.ts';

type Venue = 'alpha' | 'beta';
const VENUES: readonly Venue[] = ['alpha', 'beta'];

/** Two nodes with engines and stores of their own, over real connections that a test can break. */
export interface PartedNodes {
  readonly way: BreakableWay;
  readonly market: TestMarket;
  readonly nodes: Readonly<Record<Venue, TestNode>>;
  readonly engines: Readonly<Record<Venue, EngineLedger>>;
  /** Sets who is told of each message as alpha's session hands it to the network: whether it gets there. */
  hearSends(onSend: (body: OrderMessageBody) => boolean): void;
  /** A participant of a venue's own offers (or bids) so much there; resolves when that is shown. */
  flow(venue: Venue, side: 'buy' | 'sell', price: number, quantity: number): Promise<void>;
  /** Whether each node has a link to the other. */
  isWhole(): boolean;
  stop(): Promise<void>;
}

interface End {
  readonly host: Host;
  readonly links: ReturnType<typeof createOrderStreams>;
}

/** Starts {@link PartedNodes}, connected. */
export async function startPartedNodes(databases: TemporaryDatabases): Promise<PartedNodes> {
  const directory = directoryOf(VENUES);
  const market = new TestMarket(INSTRUMENT.id, VENUES);
  const end = async (venue: Venue, peers: readonly string[]): Promise<End> => {
    const needs = { directory, logger: SILENT, registry: new Registry() };
    const admission = createAdmission(keyOf(venue).publicKey, { ...needs, now: Date.now });
    const listen = ['/ip4/127.0.0.1/tcp/0'];
    const host = createHost({ seed: seedOf(venue), listen, peers }, { ...needs, admission });
    const links = createOrderStreams({ host, logger: SILENT });
    await host.start();
    return { host, links };
  };
  // The lower identity dials at once, and alone: the other one knows no address.
  const [dialing, listening] = VENUES.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) as [
    Venue,
    Venue,
  ];
  const listener = await end(listening, []);
  const port = Number(/\/tcp\/(\d+)\//.exec(listener.host.addresses()[0] ?? '')?.[1]);
  const way = await startBreakableWay(port);
  const dialer = await end(dialing, [`/ip4/127.0.0.1/tcp/${way.port}/p2p/${idOf(listening)}`]);
  const ends = { [listening]: listener, [dialing]: dialer } as Record<Venue, End>;

  let onSend: (body: OrderMessageBody) => boolean = () => true;
  const books = { alpha: embedded('alpha'), beta: embedded('beta') };
  const engines = { alpha: new EngineLedger(books.alpha), beta: new EngineLedger(books.beta) };
  const open = async (venue: Venue, links: OrderLinks): Promise<TestNode> =>
    TestNode.open(
      await databases.empty(venue),
      // What waits at alpha costs, so that it waits at beta.
      {
        ...{ venue, market, directory, makerPpm: { alpha: 100 } },
        network: { links: () => links },
      },
      engines[venue],
    );
  const nodes = {
    alpha: await open(
      'alpha',
      overheard(ends.alpha.links, (body) => onSend(body)),
    ),
    beta: await open('beta', ends.beta.links),
  };
  let flowOrders = 0;
  const parted: PartedNodes = {
    ...{ way, market, nodes, engines },
    hearSends(listener) {
      onSend = listener;
    },
    async flow(venue, side, price, quantity) {
      flowOrders += 1;
      const { version } = market.book();
      const order = { orderId: flowOrders, side, price: price * 100, size: quantity };
      if (!books[venue].flowTarget(INSTRUMENT.id).submit(order))
        throw new Error('not a flow order');
      await until(() => market.book().version > version);
    },
    isWhole: () => nodes.alpha.sessions.isUp('beta') && nodes.beta.sessions.isUp('alpha'),
    async stop() {
      await Promise.all([nodes.alpha.close(), nodes.beta.close()]);
      for (const { links } of [listener, dialer]) links.stop();
      await Promise.all([listener.host.stop(), dialer.host.stop()]);
      await way.stop();
    },
  };
  await until(() => parted.isWhole());
  return parted;
}

function idOf(venue: Venue): string {
  return peerIdOf(keyOf(venue).publicKey);
}

function embedded(venue: VenueId): EmbeddedVenue {
  return new EmbeddedVenue({
    ...{ venue, instruments: [INSTRUMENT], nowMs: Date.now, selfTrade: 'allowed' },
    flowOwner: { member: venue, account: FLOW_WALLET },
  });
}

/** The links as they are, but that each message is told on its way out, and may be lost there. */
function overheard(links: OrderLinks, onSend: (body: OrderMessageBody) => boolean): OrderLinks {
  return {
    ...links,
    send(member, bytes) {
      const signed = decodeSigned(bytes, MAX_ORDER_MESSAGE_BYTES);
      const message = isRefusal(signed) ? signed : decodeOrderMessage(signed.payload);
      if (isRefusal(message)) throw new Error(message.message);
      return onSend(message.body) && links.send(member, bytes);
    },
  };
}
