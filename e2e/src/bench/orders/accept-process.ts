import { randomBytes } from 'node:crypto';
import { createIdCodes } from '@stoa/node/id-codes';
import { LinkNetwork } from '@stoa/node/testing/link-network';
import { ScriptedVenue } from '@stoa/node/testing/scripted-venue';
import { TestMarket } from '@stoa/node/testing/test-market';
import { directoryOf, INSTRUMENT } from '@stoa/node/testing/test-network';
import { orderRequest, TestNode } from '@stoa/node/testing/test-node';
import { until } from '@stoa/node/testing/until';
import { serveCommands } from '../process-commands.ts';

const venues = ['alpha', 'beta'] as const;
/** Longer than any bench: an unanswered leg must not make work of its own. */
const never = 3_600_000;

let node: TestNode | undefined;

const commands = {
  /**
   * A home node over a real store, whose every order goes to another venue: order, events, leg and
   * outbox are written, and from there on nothing comes back.
   */
  async start({ databaseUrl, peerDatabaseUrl }: { databaseUrl: string; peerDatabaseUrl: string }) {
    const network = new LinkNetwork();
    const market = new TestMarket(INSTRUMENT.id, venues);
    const directory = directoryOf(venues);
    const newCode = createIdCodes(randomBytes);
    const open = (venue: string, url: string) =>
      TestNode.open(url, { venue, network, market, directory, newCode }, new ScriptedVenue(venue));
    const peer = await open('beta', peerDatabaseUrl);
    node = await open('alpha', databaseUrl);
    await node.orders.stop();
    node.legDeadlineMs = never;
    await node.start(new ScriptedVenue('alpha'));
    network.connect('alpha', 'beta');
    await until(() => peer.sessions.isUp('alpha') && node?.sessions.isUp('beta') === true);
    network.fate = () => 'drop';
    market.show('beta', { offers: [{ price: 1_000, quantity: Number.MAX_SAFE_INTEGER }] });
  },
  /** Each client places its next order when its last one is durable. */
  async place({ clients, seconds }: { clients: number; seconds: number }) {
    if (!node) throw new Error('the node is not started');
    const { orders, caller } = node;
    let placed = 0;
    let order = '';
    const begunMs = performance.now();
    const one = async (): Promise<void> => {
      while (performance.now() - begunMs < seconds * 1_000) {
        const answer = await orders.place(caller, orderRequest({ timeInForce: 'ioc' }));
        if ('refused' in answer) throw new Error(`refused: ${answer.code}`);
        placed += 1;
        order = answer.order.id;
      }
    };
    await Promise.all(Array.from({ length: clients }, one));
    return { order, placed, perSecond: placed / ((performance.now() - begunMs) / 1_000) };
  },
};

export type AcceptCommands = typeof commands;

serveCommands(commands);
