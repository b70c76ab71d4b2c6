import {
  type Execution,
  type MemberId,
  type OrderMessageBody,
  orderMessageBody,
  type Side,
  type VenueId,
} from '@stoa/schema';
import { and, asc, count, eq, inArray, isNull } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { type OpenDatabase, openDatabase, type Transaction } from '../../store/database.ts';
import { chainCursors } from '../../store/tables/chain-cursors.ts';
import { executionChanges } from '../../store/tables/execution-changes.ts';
import { executions } from '../../store/tables/executions.ts';
import { legs } from '../../store/tables/legs.ts';
import { mandates } from '../../store/tables/mandates.ts';
import { orders } from '../../store/tables/orders.ts';
import { sessionOutbox } from '../../store/tables/session-outbox.ts';
import { settlementBatches } from '../../store/tables/settlement-batches.ts';
import { settlementLegs } from '../../store/tables/settlement-legs.ts';
import { settlementTransactions } from '../../store/tables/settlement-transactions.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createPositionReader, type PositionReader } from '../positions.ts';
import type { SettlementMessage, SettlementNeeds, SettlementOptions } from '../settlement-needs.ts';
import { createSettlementService, type SettlementService } from '../settlement-service.ts';
import type { SettlementState } from '../settlement-view.ts';

export type { SettlementMessage } from '../settlement-needs.ts';

/** Rows of one statement. */
const rowsAtOnce = 1_000;
const messagesAtOnce = 64;

/** What a test gives a {@link SettlementNode}. */
export interface SettlementNodeOptions extends SettlementOptions {
  readonly databaseUrl: string;
  readonly client: SettlementNeeds['client'];
  readonly signer: SettlementNeeds['signer'];
  readonly directory: SettlementNeeds['directory'];
  /** Does nothing on the chain; another process does, on the same store. */
  readonly idle?: boolean;
}

/** A venue's settlement with its store and outbox, without the rest of a node: for tests. */
export interface SettlementNode {
  readonly service: SettlementService;
  readonly metrics: Registry;
  /** Records a trade at this venue's own book, as the order service does. */
  recordTrade(execution: Execution, sides?: TradeSides): Promise<void>;
  recordTrades(executions: readonly Execution[]): Promise<void>;
  /** Orders with trades that are in no group yet. */
  ungrouped(): Promise<string[]>;
  /** Records trades of an order whose home this is, and instructs their settlement. */
  instruct(orderId: string, trades: readonly Execution[]): Promise<void>;
  /** Records that a trade's venue undid it; the home of its order takes its settlement back. */
  bust(trade: Execution): Promise<'withdrawn' | 'in-settlement' | 'not-ours'>;
  /** Tells settlement of a fill, in a transaction of its own. */
  filled(trade: Execution, side: Side): Promise<void>;
  /** Records an order, its leg being `<orderId>.1.1`. */
  recordOrder(order: { readonly id: string; readonly member: MemberId }): Promise<void>;
  /** Messages that wait to be sent, oldest first. */
  outbox(): Promise<
    { readonly id: number; readonly to: MemberId; readonly body: SettlementMessage }[]
  >;
  forget(...outboxIds: readonly number[]): Promise<void>;
  /** Takes a message in, in a transaction of its own. */
  receive(from: MemberId, body: OrderMessageBody): Promise<void>;
  /** Takes all that waits for this node in another's outbox, 64 messages in a transaction as sessions do. */
  receiveFrom(venue: VenueId, peer: SettlementNode): Promise<void>;
  batches(): Promise<(typeof settlementBatches.$inferSelect)[]>;
  legs(): Promise<(typeof settlementLegs.$inferSelect)[]>;
  /** The newest block whose logs were taken in. */
  position(): Promise<number | undefined>;
  /** How many batches there are in each state. */
  states(): Promise<Partial<Record<SettlementState, number>>>;
  /** Runs what belongs to one transaction of the store. */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
  /** Mandates that this node knows, in the order in which it heard of them. */
  mandates(): Promise<(typeof mandates.$inferSelect)[]>;
  /** Every signed version of every transaction. */
  transactions(): Promise<(typeof settlementTransactions.$inferSelect)[]>;
  /** Positions of a broker's wallets, in lower case, of which `openOrders` is promised by open orders. */
  positions(wallets: readonly string[], openOrders?: bigint): PositionReader;
  /** Changes what the store says, behind the service's back. */
  tamper(statement: string): Promise<void>;
  /** Leaves everything as it stands. */
  stop(): Promise<void>;
}

/** Legs on the two sides of a trade, where they are this node's. */
export interface TradeSides {
  readonly buyLegId?: string;
  readonly sellLegId?: string;
}

let lastNumber = 0;

/** Higher than all before, also of a process that ran before this one: the clock goes on. */
function messageNumber(): number {
  lastNumber = Math.max(lastNumber + 1, Number(process.hrtime.bigint()));
  return lastNumber;
}

/** Opens the store and starts the service. A second start on the same store continues the first. */
export async function startSettlementNode(options: SettlementNodeOptions): Promise<SettlementNode> {
  const store: OpenDatabase = await openDatabase(options.databaseUrl);
  const { db } = store;
  const metrics = new Registry();
  const { client, signer, directory } = options;
  const service = createSettlementService(options, {
    ...{ db, client, signer, directory, metrics },
    send: async (tx, peer, body) => {
      const message = new Uint8Array();
      await tx.insert(sessionOutbox).values({ peer, number: messageNumber(), body, message });
    },
    logger: createLogger('settlement-test', 'silent'),
    nowMs: Date.now,
  });
  if (!options.idle) service.start(new AbortController().signal);

  return {
    service,
    metrics,
    positions: (wallets, openOrders = 0n) =>
      createPositionReader({
        ...{ db, client, directory, unsettled: service.unsettled },
        accounts: new Map([['broker', new Set(wallets)]]),
        promised: (_member, { account, instrument: { cashToken, token }, side }) =>
          openOrders + service.unsettled.owed(account, side === 'buy' ? cashToken : token),
      }),
    recordTrade: async (execution, sides = {}) => {
      await db.insert(executions).values({ ...execution, ...sides, recordedAtMs: Date.now() });
    },
    recordTrades: async (trades) => {
      const recordedAtMs = Date.now();
      for (let first = 0; first < trades.length; first += rowsAtOnce) {
        const rows = trades.slice(first, first + rowsAtOnce);
        await db.insert(executions).values(rows.map((trade) => ({ ...trade, recordedAtMs })));
      }
    },
    instruct: async (orderId, trades) => {
      const legId = `${orderId}.1.1`;
      const recordedAtMs = Date.now();
      await db.transaction(async (tx) => {
        await tx
          .insert(executions)
          .values(trades.map((trade) => ({ ...trade, buyLegId: legId, recordedAtMs })))
          .onConflictDoNothing();
        const instructions = trades.map((execution) => ({ orderId, legId, execution }));
        await service.instruct(tx, instructions);
      });
    },
    ungrouped: async () => {
      const rows = await db
        .selectDistinct({ orderId: settlementLegs.orderId })
        .from(settlementLegs)
        .where(
          and(
            ...[isNull(settlementLegs.batchId), isNull(settlementLegs.readyAtMs)],
            eq(settlementLegs.state, 'instructed'),
          ),
        );
      return rows.flatMap(({ orderId: id }) => id ?? []);
    },
    bust: (trade) =>
      db.transaction(async (tx) => {
        const { venue, executionId, tradeNumber } = trade;
        const undone = { revision: 1, kind: 'busted', price: 0, quantity: 0 } as const;
        const recordedAtMs = Date.now();
        await tx.insert(executionChanges).values({ venue, executionId, ...undone, recordedAtMs });
        if (trade.homeVenue !== options.venue) return 'not-ours';
        return service.withdraw(tx, { venue, tradeNumber }, 'TRADE_BUSTED');
      }),
    filled: (trade, side) => db.transaction(async (tx) => service.filled(tx, trade, side)),
    recordOrder: async ({ id, member }) => {
      await db.insert(orders).values({
        ...orderRow,
        id,
        member,
        number: Number(/\d+$/.exec(id)?.[0]),
        clientOrderId: id,
        placedAtMs: Date.now(),
      });
      await db
        .insert(legs)
        .values({ ...legRow, id: `${id}.1.1`, orderId: id, sentAtMs: Date.now() });
    },
    outbox: async () => {
      const rows = await db.select().from(sessionOutbox).orderBy(asc(sessionOutbox.number));
      return rows.map(({ number: id, peer, body }) => ({
        ...{ id, to: peer, body: body as SettlementMessage },
      }));
    },
    forget: async (...ids) => {
      await db.delete(sessionOutbox).where(inArray(sessionOutbox.number, ids));
    },
    receiveFrom: async (venue, peer) => {
      const waiting = (await peer.outbox()).filter(({ to }) => to === options.venue);
      for (let first = 0; first < waiting.length; first += messagesAtOnce) {
        const some = waiting.slice(first, first + messagesAtOnce);
        await db.transaction(async (tx) => {
          for (const { body } of some) {
            await service.onMessage(tx, venue, orderMessageBody.parse(body) as SettlementMessage);
          }
        });
        await peer.forget(...some.map(({ id }) => id));
      }
    },
    receive: (from, body) =>
      db.transaction((tx) =>
        // Through the schema, as it would come from the wire.
        service.onMessage(tx, from, orderMessageBody.parse(body) as SettlementMessage),
      ),
    batches: () => db.select().from(settlementBatches).orderBy(asc(settlementBatches.createdAtMs)),
    position: async () => {
      const [row] = await db
        .select()
        .from(chainCursors)
        .where(eq(chainCursors.contract, options.settlement.toLowerCase()));
      return row?.blockNumber;
    },
    states: async () => {
      const { state } = settlementBatches;
      const rows = await db
        .select({ state, count: count() })
        .from(settlementBatches)
        .groupBy(state);
      return Object.fromEntries(rows.map((row) => [row.state, row.count]));
    },
    transaction: (work) => db.transaction(work),
    mandates: () => db.select().from(mandates).orderBy(asc(mandates.registeredAtMs)),
    transactions: () =>
      db
        .select()
        .from(settlementTransactions)
        .orderBy(asc(settlementTransactions.nonce), asc(settlementTransactions.version)),
    legs: () => db.select().from(settlementLegs).orderBy(asc(settlementLegs.tradeNumber)),
    tamper: async (statement) => {
      await store.sql.unsafe(statement);
    },
    stop: async () => {
      await service.stop();
      await store.close();
    },
  };
}

const orderRow = {
  instrument: '',
  account: '0x',
  side: 'buy',
  type: 'limit',
  timeInForce: 'day',
  quantity: 1,
  limitPrice: 1,
  placedQuantity: 1,
  status: 'filled',
  filled: 1,
  leaves: 0,
  notional: 1n,
  cancelRequested: false,
  groupOpen: false,
  lastEvent: 1,
} as const;

const legRow = {
  number: 1,
  round: 1,
  purpose: 'route',
  venue: '',
  timeInForce: 'ioc',
  quantity: 1,
  limitPrice: 1,
  status: 'filled',
  filled: 1,
} as const;
