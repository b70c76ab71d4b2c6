import {
  type Mandate,
  mandateHash,
  mandateTypedData,
  readMandateState,
  type SignedMandate,
  signatureStanding,
} from '@stoa/contracts';
import type { DirectorySource, MemberId, Refusal, VenueId } from '@stoa/schema';
import { isRefusal, refuse } from '@stoa/schema';
import { and, count, desc, eq } from 'drizzle-orm';
import { type Client, type Hex, hashTypedData } from 'viem';
import type { Database, Transaction } from '../../store/database.ts';
import { mandates } from '../../store/tables/mandates.ts';
import { whenEnded } from '../../store/transactions.ts';
import { lower } from '../batch-composition.ts';
import type { SettlementNeeds } from '../settlement-needs.ts';
import { tellRestingVenues } from './held-mandates.ts';
import {
  keepActive,
  type MandateSubject,
  type RegisteredMandate,
  subjectKey,
} from './kept-mandates.ts';
import { mandateFromMessage, mandateToMessage } from './mandate-message.ts';
import { checkMandate, type MandateDomain, type MandateRefusalCode } from './mandate-rules.ts';

type MandateRow = typeof mandates.$inferSelect;

/** The same with what the chain says of it. */
export interface MandateView extends RegisteredMandate {
  /** Settled under it and under others of its nonce, in the token's smallest unit. */
  readonly used: bigint;
  /** The investor ended it on chain. */
  readonly withdrawn: boolean;
}

export interface RegisterOptions {
  readonly venue: VenueId;
  readonly domain: MandateDomain;
  /** Mandates of one member, ended ones included; default 1,000. */
  readonly mostPerMember?: number;
}

export interface RegisterNeeds {
  readonly db: Database;
  readonly client: Client;
  readonly directory: DirectorySource;
  readonly send: SettlementNeeds['send'];
  readonly nowMs: () => number;
}

const defaultMostPerMember = 1_000;

/** Mandates that this node's members registered: verified as the contract will, and kept. */
export class MandateRegister {
  readonly #options: RegisterOptions;
  readonly #needs: RegisterNeeds;
  /** Those that count, by subject: what every order is held against. */
  readonly #active = new Map<string, RegisteredMandate>();
  /** What counts is changed by one after the other, so that the store says the same as this. */
  #changing: Promise<unknown> = Promise.resolve();
  /** Transactions under way in which a venue is told of the mandate for a subject. */
  readonly #saying = new Map<string, Set<Promise<void>>>();

  constructor(options: RegisterOptions, needs: RegisterNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /** Reads what counts: to be called before orders are taken. */
  async load(): Promise<void> {
    const rows = await this.#needs.db
      .select()
      .from(mandates)
      .where(and(eq(mandates.source, this.#options.venue), eq(mandates.state, 'active')));
    for (const row of rows) this.#active.set(subjectKey(row), registered(row));
  }

  /** The mandate that counts for an account's trades; undefined where none is registered here. */
  active(subject: MandateSubject): RegisteredMandate | undefined {
    return this.#active.get(subjectKey(subject));
  }

  /** The same, to be said in a transaction: who registers another meanwhile, says that once more after it. */
  toBeSaid(tx: Transaction, subject: MandateSubject): RegisteredMandate | undefined {
    const mandate = this.active(subject);
    if (!mandate) return undefined;
    const key = subjectKey(subject);
    const saying = this.#saying.get(key) ?? new Set();
    this.#saying.set(key, saying);
    const { promise, resolve } = Promise.withResolvers<void>();
    saying.add(promise);
    whenEnded(tx, () => {
      saying.delete(promise);
      if (saying.size === 0) this.#saying.delete(key);
      resolve();
    });
    return mandate;
  }

  /**
   * Registers what an investor signed, once: the same again answers the same. One for the same account,
   * side and tokens takes the place of the one before, whether it amends that (same nonce) or not.
   *
   * @throws viem errors when the RPC fails
   */
  async register(
    member: MemberId,
    { signed, domain }: { readonly signed: SignedMandate; readonly domain: MandateDomain },
  ): Promise<{ readonly mandate: MandateView; readonly existed: boolean } | Refusal> {
    const hash = mandateHash(signed.mandate);
    const before = await this.#find(member, hash);
    // A repeat is answered as the first was, whatever has become of it since.
    if (before) return { mandate: await this.#view(registered(before)), existed: true };
    const refused =
      this.#check(signed.mandate, domain) ??
      (await this.#checkSignature(signed)) ??
      (await this.#checkStanding(signed.mandate));
    if (refused) return refused;
    const kept = await this.#inTurn(() => this.#keep(member, hash, signed));
    if (isRefusal(kept)) return kept;
    return { mandate: await this.#view(kept), existed: false };
  }

  /**
   * Has one of the member's mandates count no more here. What is signed under it may still settle: on
   * chain the investor alone ends it.
   *
   * @throws viem errors when the RPC fails
   */
  async revoke(member: MemberId, hash: Hex): Promise<MandateView | Refusal<MandateRefusalCode>> {
    const before = await this.#find(member, lower(hash));
    if (!before) {
      const message = 'No such mandate is registered by you.';
      return refuse('MANDATE_UNKNOWN', message, 'Read your mandates again.');
    }
    if (before.state === 'replaced') {
      const message = 'Another mandate for the same took its place.';
      return refuse('MANDATE_ENDED', message, 'Revoke the one that counts.');
    }
    await this.#inTurn(async () => {
      await this.#needs.db.transaction(async (tx) => {
        await tx
          .update(mandates)
          .set({ state: 'revoked' })
          .where(and(eq(mandates.source, this.#options.venue), eq(mandates.hash, before.hash)));
        await this.#tell(tx, before, { ended: before.hash });
      });
      const key = subjectKey(before);
      if (this.#active.get(key)?.hash === before.hash) this.#active.delete(key);
      await this.#tellLater(before, { ended: before.hash });
    });
    return this.#view(registered({ ...before, state: 'revoked' }));
  }

  /**
   * The member's mandates, newest first, with what is used of each.
   *
   * @throws viem errors when the RPC fails
   */
  async list(member: MemberId, first: number): Promise<MandateView[]> {
    const rows = await this.#needs.db
      .select()
      .from(mandates)
      .where(and(eq(mandates.source, this.#options.venue), eq(mandates.member, member)))
      .orderBy(desc(mandates.registeredAtMs))
      .limit(first);
    return Promise.all(rows.map((row) => this.#view(registered(row))));
  }

  #check(mandate: Mandate, domain: MandateDomain): Refusal<MandateRefusalCode> | undefined {
    const { members } = this.#needs.directory.current();
    return checkMandate(mandate, domain, {
      domain: this.#options.domain,
      nowS: Math.floor(this.#needs.nowMs() / 1_000),
      isVenue: (id) => members.get(id)?.kind === 'venue',
    });
  }

  async #checkSignature({ mandate, signature }: SignedMandate) {
    const digest = hashTypedData(mandateTypedData(this.#options.domain, mandate));
    const standing = await signatureStanding(this.#needs.client, {
      ...{ account: mandate.investor, digest, signature },
    });
    if (standing === 'valid') return undefined;
    if (standing === 'malleable') {
      const message = 'The signature is the second form of a valid one (EIP-2).';
      return refuse('MALLEABLE_SIGNATURE', message, 'Send the signature as the wallet gave it.');
    }
    const message = 'The signature is not the investor’s over this mandate.';
    return refuse(
      'INVALID_MANDATE_SIGNATURE',
      message,
      'Sign exactly these terms, for this chain and contract.',
    );
  }

  async #checkStanding(mandate: Mandate): Promise<Refusal<MandateRefusalCode> | undefined> {
    const { client } = this.#needs;
    const state = await readMandateState(client, this.#options.domain.settlement, mandate);
    if (state.withdrawn) {
      const message = `The investor withdrew mandates of nonce ${mandate.nonce} on chain.`;
      return refuse('MANDATE_IS_WITHDRAWN', message, 'Have one signed with a higher nonce.');
    }
    if (state.filled < mandate.quantity) return undefined;
    const message = `Mandates of nonce ${mandate.nonce} have filled ${state.filled} already.`;
    return refuse('MANDATE_QUANTITY_EXCEEDED', message, 'Have one signed with another nonce.');
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change);
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #keep(
    member: MemberId,
    hash: Hex,
    signed: SignedMandate,
  ): Promise<RegisteredMandate | Refusal<MandateRefusalCode>> {
    const { db, nowMs } = this.#needs;
    const { venue, mostPerMember = defaultMostPerMember } = this.#options;
    const registeredAtMs = nowMs();
    const kept = await db.transaction(async (tx) => {
      const [held] = await tx
        .select({ count: count() })
        .from(mandates)
        .where(and(eq(mandates.source, venue), eq(mandates.member, member)));
      if ((held?.count ?? 0) >= mostPerMember) {
        const message = `${mostPerMember} mandates are kept of one member.`;
        return refuse('TOO_MANY_MANDATES', message, 'Ask your venue.');
      }
      await keepActive(tx, { source: venue, member, hash, signed, registeredAtMs });
      await this.#tell(tx, signed.mandate, { given: mandateToMessage(signed) });
      return undefined;
    });
    if (kept) return kept;
    const mandate = { hash, signed, state: 'active', registeredAtMs } as const;
    this.#active.set(subjectKey(signed.mandate), mandate);
    await this.#tellLater(signed.mandate, { given: mandateToMessage(signed) });
    return mandate;
  }

  /** Legs that were under way with the mandate before go to venues that the change was not told to. */
  async #tellLater(
    subject: MandateSubject,
    change: Parameters<typeof tellRestingVenues>[2],
  ): Promise<void> {
    const saying = this.#saying.get(subjectKey(subject));
    if (!saying) return;
    await Promise.all(saying);
    await this.#needs.db.transaction((tx) => this.#tell(tx, subject, change));
  }

  #tell(tx: Transaction, subject: MandateSubject, change: Parameters<typeof tellRestingVenues>[2]) {
    const { directory, send } = this.#needs;
    const { venue } = this.#options;
    return tellRestingVenues(tx, subject, change, { venue, directory: directory.current(), send });
  }

  async #find(member: MemberId, hash: Hex): Promise<MandateRow | undefined> {
    const [row] = await this.#needs.db
      .select()
      .from(mandates)
      .where(
        and(
          eq(mandates.source, this.#options.venue),
          eq(mandates.hash, hash),
          eq(mandates.member, member),
        ),
      );
    return row;
  }

  async #view(mandate: RegisteredMandate): Promise<MandateView> {
    const { settlement } = this.#options.domain;
    const state = await readMandateState(this.#needs.client, settlement, mandate.signed.mandate);
    return { ...mandate, used: state.filled, withdrawn: state.withdrawn };
  }
}

function registered({ hash, signed, state, registeredAtMs }: MandateRow): RegisteredMandate {
  return { hash, signed: mandateFromMessage(signed), state, registeredAtMs };
}
