import { mandateHash } from '@stoa/contracts';
import type {
  Directory,
  LegOrder,
  MemberId,
  OrderStatus,
  SignedMandateMessage,
  VenueId,
} from '@stoa/schema';
import { and, asc, count, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../../store/database.ts';
import { legs } from '../../store/tables/legs.ts';
import { mandates } from '../../store/tables/mandates.ts';
import { orders } from '../../store/tables/orders.ts';
import { lower } from '../batch-composition.ts';
import { isActiveMandate } from '../indexed-conditions.ts';
import type { SettlementMessage, SettlementNeeds } from '../settlement-needs.ts';
import { keepActive, type MandateSubject, type RegisteredMandate } from './kept-mandates.ts';
import { isEncodable, mandateFromMessage, mandateToMessage } from './mandate-message.ts';

type Held = Extract<SettlementMessage, { kind: 'settlement-mandates-held' }>;

/** What an order's home tells the venue that its leg goes to. */
export interface LegMandates {
  /**
   * To be said, in the transaction, before a leg that may rest: who takes it settles the trade, and knows
   * nothing of its home.
   */
  heldFor(
    tx: Transaction,
    leg: Pick<LegOrder, 'account' | 'instrument' | 'side'>,
  ): Held | undefined;
}

/** Mandates of one home that a venue keeps, ended ones included; what trades settled under is in their batches. */
const mostOfOneHome = 10_000;

export function createLegMandates({
  directory,
  register,
}: Pick<SettlementNeeds, 'directory'> & {
  readonly register: {
    toBeSaid(tx: Transaction, subject: MandateSubject): RegisteredMandate | undefined;
  };
}): LegMandates {
  return {
    heldFor: (tx, { account: investor, instrument, side }) => {
      const terms = directory.current().instruments.get(instrument);
      const { token, cashToken } = terms ?? {};
      if (token === undefined || cashToken === undefined) return undefined;
      const mandate = register.toBeSaid(tx, { investor, side, token, cashToken });
      return mandate && heldMessage([mandateToMessage(mandate.signed)], []);
    },
  };
}

function heldMessage(
  given: readonly SignedMandateMessage[],
  ended: readonly `0x${string}`[],
): Held {
  return {
    kind: 'settlement-mandates-held',
    mandates: [...given],
    ...(ended.length > 0 && { ended: [...ended] }),
  };
}

/** Said one by one, which the index of legs can find. */
const openStatuses: OrderStatus[] = [
  ...(['pending-new', 'new', 'partially-filled', 'done-for-day', 'suspended', 'unknown'] as const),
  ...(['pending-cancel', 'pending-replace'] as const),
];

/** Home: venues where orders of the account rest hear at once that another mandate counts, or none. */
export async function tellRestingVenues(
  tx: Transaction,
  { investor, side, token, cashToken }: MandateSubject,
  change: { readonly given?: SignedMandateMessage; readonly ended?: `0x${string}` },
  needs: { readonly venue: VenueId; readonly directory: Directory } & Pick<SettlementNeeds, 'send'>,
): Promise<void> {
  const instruments = [...needs.directory.instruments.values()]
    .filter((one) => lower(one.token) === lower(token) && lower(one.cashToken) === lower(cashToken))
    .map(({ id }) => id);
  if (instruments.length === 0) return;
  const open = inArray(legs.status, openStatuses);
  const rows = await tx
    .selectDistinct({ venue: legs.venue })
    .from(legs)
    .innerJoin(orders, eq(orders.id, legs.orderId))
    .where(
      and(
        ...[open, eq(legs.purpose, 'rest'), ne(legs.venue, needs.venue), eq(orders.side, side)],
        inArray(orders.instrument, instruments),
        sql`lower(${orders.account}) = ${lower(investor)}`,
      ),
    );
  const body = heldMessage(change.given ? [change.given] : [], change.ended ? [change.ended] : []);
  for (const { venue } of rows) await needs.send(tx, venue, body);
}

/**
 * Executing venue: keeps what the home of orders says of their investors' mandates, as that home's word:
 * it counts for trades of its own orders and of no others. Whether they are signed is the contract's to
 * judge.
 */
export async function keepHeldMandates(
  tx: Transaction,
  from: MemberId,
  { mandates: given, ended = [] }: Held,
  { logger, nowMs }: Pick<SettlementNeeds, 'logger' | 'nowMs'>,
): Promise<void> {
  const ofHome = eq(mandates.source, from);
  if (ended.length > 0) {
    await tx
      .update(mandates)
      .set({ state: 'revoked' })
      .where(and(ofHome, isActiveMandate, inArray(mandates.hash, ended.map(lower))));
  }
  const taken = given
    .map(mandateFromMessage)
    // What no contract could take is no mandate, and stops no session.
    .filter(({ mandate }) => isEncodable(mandate))
    .map((signed) => ({ hash: mandateHash(signed.mandate), signed }));
  if (taken.length === 0) return;
  const rows = await tx
    .select({ hash: mandates.hash, state: mandates.state })
    .from(mandates)
    .where(
      and(
        ofHome,
        inArray(
          mandates.hash,
          taken.map(({ hash }) => hash),
        ),
      ),
    );
  const known = new Map(rows.map(({ hash, state }) => [hash, state]));
  // Said before every leg that rests: nearly always it is known.
  const news = taken.filter(({ hash }) => known.get(hash) !== 'active');
  const unknown = news.filter(({ hash }) => !known.has(hash));
  if (unknown.length > 0 && !(await hasRoom(tx, from, unknown.length))) {
    logger.error({ from }, 'a home has given more mandates than are kept of one');
    return;
  }
  for (const { hash, signed } of news) {
    await keepActive(tx, { source: from, member: null, hash, signed, registeredAtMs: nowMs() });
  }
}

/** Whether so many more can be kept of a home. Those that ended make room, the oldest first. */
async function hasRoom(tx: Transaction, home: MemberId, wanted: number): Promise<boolean> {
  const ofHome = eq(mandates.source, home);
  const [kept] = await tx.select({ count: count() }).from(mandates).where(ofHome);
  const over = (kept?.count ?? 0) + wanted - mostOfOneHome;
  if (over <= 0) return true;
  const oldest = tx
    .select({ hash: mandates.hash })
    .from(mandates)
    .where(and(ofHome, ne(mandates.state, 'active')))
    .orderBy(asc(mandates.registeredAtMs))
    .limit(over);
  const gone = await tx
    .delete(mandates)
    .where(and(ofHome, inArray(mandates.hash, oldest)))
    .returning({ hash: mandates.hash });
  return gone.length === over;
}
