import { mandateHash, type SignedMandate } from '@stoa/contracts';
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
import { keepActive, subjectKey } from './kept-mandates.ts';
import { isEncodable, mandateFromMessage } from './mandate-message.ts';
import { homeOf, readOrderHomes } from './mandate-sources.ts';

type Request = Extract<SettlementMessage, { kind: 'settlement-request' }>;
type GivenMandates = Extract<SettlementMessage, { kind: 'settlement-mandates' }>;
type MandateRow = typeof mandates.$inferSelect;

/** A mandate that a group is to settle under, with its EIP-712 hash. */
export interface AttachedMandate {
  readonly hash: Hex;
  readonly signed: SignedMandate;
}

/**
 * The mandates that groups of trades settle under: of a side whose order is this home's, what was
 * registered here; of an order that another home sent to this book, what that home said; of any other,
 * what its executing venue gave. Of two for the same account, side
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
  const found = await activeOf(tx, rows);
  if (found.length === 0) return undefined;
  const known = new Map(found.map((row) => [`${row.source} ${subjectKey(row)}`, row]));
  const homes = await readOrderHomes(tx, home, rows);
  const homeSides = await homeSidesOf(tx, rows);
  const attached = groups.map((legs) => {
    const bySubject = new Map<string, AttachedMandate>();
    for (const leg of legs) {
      for (const side of ['buy', 'sell'] as const) {
        const isOurs = homeSides.get(tradeKey(leg.executingVenue, leg.executionId)) === side;
        const subject = subjectOf(leg, side);
        const source = isOurs ? home : (homeOf(homes, leg, side) ?? leg.executingVenue);
        const row = known.get(`${source} ${subject}`);
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

/** What an executing venue has to say of the mandates of a request. */
export interface MandateWord {
  /** Those that it does not settle its legs under. */
  readonly missing: readonly MandateRow[];
  /** Those that it names and that count no more. */
  readonly ended: readonly Hex[];
}

/**
 * Mandates registered at this executing venue, or held by the homes of orders in its book, against those
 * that a request names. Of the asker's own orders nothing is said: it has its own word from their
 * investors. A home that was told of a mandate once and names another for the account has that, too.
 */
export async function wordOfMandates(
  tx: Transaction,
  { venue, from }: { readonly venue: VenueId; readonly from: VenueId },
  request: Request,
): Promise<MandateWord> {
  const nothing = { missing: [], ended: [] };
  if (request.purpose === 'reverse') return nothing;
  const named = request.mandates ?? [];
  const readHomes = () => readOrderHomes(tx, venue, request.legs);
  const [active, homesAsked] = await Promise.all([
    activeOf(tx, request.legs),
    named.length > 0 ? readHomes() : undefined,
  ]);
  if (active.length === 0 && homesAsked === undefined) return nothing;
  const homes = homesAsked ?? (await readHomes());
  const sources = new Set<VenueId>();
  const wanted = new Set<string>();
  for (const leg of request.legs) {
    for (const side of ['buy', 'sell'] as const) {
      const source = homeOf(homes, leg, side) ?? venue;
      if (source === from) continue;
      sources.add(source);
      wanted.add(`${source} ${subjectOf(leg, side)}`);
    }
  }
  const hashes = named.map(({ hash }) => lower(hash));
  const ended = await endedOf(tx, [...sources], hashes);
  const isWanted = (row: MandateRow) => wanted.has(`${row.source} ${subjectKey(row)}`);
  const missing = active
    .filter(isWanted)
    .filter(
      ({ hash, investor, side }) =>
        !named.some(
          (one) =>
            lower(one.hash) === hash ||
            (request.replaces !== undefined &&
              lower(one.investor) === investor &&
              one.side === side),
        ),
    );
  return { missing, ended: ended.filter(isWanted).map(({ hash }) => hash) };
}

async function endedOf(
  tx: Transaction,
  sources: readonly VenueId[],
  hashes: readonly Hex[],
): Promise<MandateRow[]> {
  if (sources.length === 0 || hashes.length === 0) return [];
  return tx
    .select()
    .from(mandates)
    .where(
      and(
        ...[inArray(mandates.source, [...sources]), inArray(mandates.hash, [...hashes])],
        ne(mandates.state, 'active'),
      ),
    );
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

/** For the accounts and tokens of trades alone: whatever else a member told of an account is not read. */
function activeOf(
  tx: Transaction,
  trades: readonly Pick<LegRow, 'buyer' | 'seller' | 'token' | 'cashToken'>[],
): Promise<MandateRow[]> {
  const all = (words: readonly Hex[]) => [...new Set(words.map(lower))];
  const investors = all(trades.flatMap(({ buyer, seller }) => [buyer, seller]));
  const tokens = all(trades.map(({ token }) => token));
  const cashTokens = all(trades.map(({ cashToken }) => cashToken));
  return tx
    .select()
    .from(mandates)
    .where(
      and(
        ...[isActiveMandate, inArray(mandates.investor, investors)],
        ...[inArray(mandates.token, tokens), inArray(mandates.cashToken, cashTokens)],
      ),
    );
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
