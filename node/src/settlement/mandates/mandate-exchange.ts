import { type Mandate, mandateHash, type SignedMandate } from '@stoa/contracts';
import { invariant, type SettlementLegMessage, type Side, type VenueId } from '@stoa/schema';
import { and, eq, inArray, ne } from 'drizzle-orm';
import type { Hex } from 'viem';
import type { Transaction } from '../../store/database.ts';
import { executions } from '../../store/tables/executions.ts';
import { mandates } from '../../store/tables/mandates.ts';
import { lower } from '../batch-composition.ts';
import type { LegRow } from '../batch-records.ts';
import { isActiveMandate } from '../indexed-conditions.ts';
import type { SettlementMessage } from '../settlement-needs.ts';
import { mandateFromMessage } from './mandate-message.ts';
import { keepActive, subjectKey } from './mandate-register.ts';

type Request = Extract<SettlementMessage, { kind: 'settlement-request' }>;
type GivenMandates = Extract<SettlementMessage, { kind: 'settlement-mandates' }>;
type MandateRow = typeof mandates.$inferSelect;

/** A mandate that a group is to settle under, with its EIP-712 hash. */
export interface AttachedMandate {
  readonly hash: Hex;
  readonly signed: SignedMandate;
}

/**
 * The mandates that groups of trades settle under: of the side whose order is this home's, what was
 * registered here; of the other side, what its executing venue gave. Of two for the same account, side
 * and tokens in one group the contract takes the first, so that only that is attached.
 *
 * @returns for each group its mandates; none at all where no account has one
 */
export async function mandatesOf(
  tx: Transaction,
  home: VenueId,
  groups: readonly (readonly LegRow[])[],
): Promise<readonly (readonly AttachedMandate[])[] | undefined> {
  const rows = groups.flat();
  const found = await activeOf(
    tx,
    rows.flatMap(({ buyer, seller }) => [buyer, seller]),
  );
  if (found.length === 0) return undefined;
  const known = new Map(found.map((row) => [`${row.source} ${subjectKey(row)}`, row]));
  const homeSides = await homeSidesOf(tx, rows);
  const attached = groups.map((legs) => {
    const bySubject = new Map<string, AttachedMandate>();
    for (const leg of legs) {
      for (const side of ['buy', 'sell'] as const) {
        const isOurs = homeSides.get(tradeKey(leg.executingVenue, leg.executionId)) === side;
        const subject = subjectOf(leg, side);
        const row = known.get(`${isOurs ? home : leg.executingVenue} ${subject}`);
        if (!row || bySubject.has(subject)) continue;
        bySubject.set(subject, { hash: row.hash, signed: mandateFromMessage(row.signed) });
      }
    }
    return [...bySubject.values()];
  });
  return attached.some((group) => group.length > 0) ? attached : undefined;
}

/** What a request says of the mandates of a venue's legs: enough to see that its own are among them. */
export function namedMandates(
  legs: readonly SettlementLegMessage[],
  attached: readonly AttachedMandate[],
): NonNullable<Request['mandates']> {
  if (attached.length === 0) return [];
  const subjects = new Set(legs.flatMap((leg) => [subjectOf(leg, 'buy'), subjectOf(leg, 'sell')]));
  return [...new Map(attached.map((one) => [one.hash, one])).values()]
    .filter(({ signed }) => subjects.has(subjectKey(signed.mandate)))
    .map(({ hash, signed: { mandate } }) => ({
      ...{ hash, investor: mandate.investor, side: mandate.side },
    }));
}

/**
 * Mandates registered at this executing venue that a request does not settle its legs under. A home that
 * was told of them once and names others for an account has its own word from that investor.
 */
export async function missingMandates(
  tx: Transaction,
  venue: VenueId,
  request: Request,
): Promise<MandateRow[]> {
  if (request.purpose === 'reverse') return [];
  const accounts = request.legs.flatMap(({ buyer, seller }) => [buyer, seller]);
  const own = (await activeOf(tx, accounts)).filter(({ source }) => source === venue);
  const subjects = new Set(
    request.legs.flatMap((leg) => [subjectOf(leg, 'buy'), subjectOf(leg, 'sell')]),
  );
  const named = request.mandates ?? [];
  return own.filter(({ hash, investor, side, ...row }) => {
    if (!subjects.has(subjectKey({ investor, side, ...row }))) return false;
    return !named.some(
      (one) =>
        lower(one.hash) === hash ||
        (request.replaces !== undefined && lower(one.investor) === investor && one.side === side),
    );
  });
}

/** Mandates that a request names, and that were registered at this venue and count here no more. */
export async function endedMandates(
  tx: Transaction,
  venue: VenueId,
  request: Request,
): Promise<Hex[]> {
  const named = (request.mandates ?? []).map(({ hash }) => lower(hash));
  if (named.length === 0) return [];
  const rows = await tx
    .select({ hash: mandates.hash })
    .from(mandates)
    .where(
      and(
        ...[eq(mandates.source, venue), ne(mandates.state, 'active')],
        inArray(mandates.hash, named),
      ),
    );
  return rows.map(({ hash }) => hash);
}

/**
 * Keeps mandates that an executing venue gave for the trades of a batch of this home. Whether they are
 * signed is the contract's to judge: one that is not fails the venue's own trades.
 *
 * @returns whether each of them is for a trade that this venue executed
 */
export async function keepGivenMandates(
  tx: Transaction,
  from: VenueId,
  given: { readonly answer: GivenMandates; readonly legs: readonly SettlementLegMessage[] },
  nowMs: number,
): Promise<boolean> {
  const own = given.legs.filter(({ executingVenue }) => executingVenue === from);
  const subjects = new Set(own.flatMap((leg) => [subjectOf(leg, 'buy'), subjectOf(leg, 'sell')]));
  const taken = given.answer.mandates.map(mandateFromMessage);
  if (!taken.every(({ mandate }) => isEncodable(mandate))) return false;
  if (!taken.every(({ mandate }) => subjects.has(subjectKey(mandate)))) return false;
  const ended = (given.answer.ended ?? []).map(lower);
  await tx
    .update(mandates)
    .set({ state: 'revoked' })
    .where(and(eq(mandates.source, from), inArray(mandates.hash, ended)));
  for (const signed of taken) {
    const hash = mandateHash(signed.mandate);
    await keepActive(tx, { source: from, member: null, hash, signed, registeredAtMs: nowMs });
  }
  return true;
}

/** Whether its amounts are uint256: its digits say more than a word holds. */
function isEncodable({ limitAmount, limitQuantity, quantity, nonce }: Mandate): boolean {
  return [limitAmount, limitQuantity, quantity, nonce].every((word) => word < 2n ** 256n);
}

function activeOf(tx: Transaction, accounts: readonly `0x${string}`[]): Promise<MandateRow[]> {
  const investors = [...new Set(accounts.map(lower))];
  return tx
    .select()
    .from(mandates)
    .where(and(isActiveMandate, inArray(mandates.investor, investors)));
}

/** The side of each trade that an order of this home is on. */
async function homeSidesOf(tx: Transaction, rows: readonly LegRow[]): Promise<Map<string, Side>> {
  const legIds = new Map(
    rows.map((row) => [tradeKey(row.executingVenue, row.executionId), row.legId]),
  );
  const venues = [...new Set(rows.map(({ executingVenue }) => executingVenue))];
  const ids = rows.map(({ executionId }) => executionId);
  const trades = await tx
    .select()
    .from(executions)
    .where(and(inArray(executions.venue, venues), inArray(executions.executionId, ids)));
  return new Map(
    trades.flatMap(({ venue, executionId, buyLegId }): [string, Side][] => {
      const key = tradeKey(venue, executionId);
      const legId = legIds.get(key);
      if (legId === undefined) return [];
      invariant(legId !== null, 'A home trade belongs to a leg.', { venue, executionId });
      return [[key, buyLegId === legId ? 'buy' : 'sell']];
    }),
  );
}

function tradeKey(venue: VenueId, executionId: string): string {
  return `${venue} ${executionId}`;
}

function subjectOf(
  leg: Pick<LegRow, 'buyer' | 'seller' | 'token' | 'cashToken'>,
  side: Side,
): string {
  const investor = side === 'buy' ? leg.buyer : leg.seller;
  return subjectKey({ investor, side, token: leg.token, cashToken: leg.cashToken });
}
