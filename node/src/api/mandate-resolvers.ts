import { encodeWithdrawMandate } from '@stoa/contracts';
import { type DirectorySource, isRefusal, type MemberId, refuse, type VenueId } from '@stoa/schema';
import type { Address } from 'viem';
import { checkAccount } from '../orders/terms/order-validation.ts';
import type { MandateView } from '../settlement/mandates/mandate-register.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import type { ApiMandates } from './api-services.ts';
import { type RegisterMandateInput, readMandate } from './mandate-input.ts';
import { refusalOr } from './refusal-type.ts';
import { boundedCount, sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the mandates' part of the API is served from. */
export interface MandateNeeds {
  readonly venue: VenueId;
  readonly mandates: ApiMandates;
  readonly directory: DirectorySource;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<MemberId, ReadonlySet<string>>;
  /** The Settlement contract. */
  readonly settlement: Address;
}

const MAX_MANDATES = 100;
const MANDATE_ID = /^0x[0-9a-f]{64}$/i;

/** Resolvers of the SDL's mandates part: those that the caller registered. */
export function createMandateResolvers(needs: MandateNeeds) {
  const { venue, mandates, directory, accounts, settlement } = needs;
  return {
    Query: {
      async mandates(
        _root: unknown,
        { first }: { readonly first: number | null },
        context: ApiContext,
      ) {
        const { member } = requireCaller(context, venue, 'orders:read');
        const found = await mandates.list(member, boundedCount('first', first, MAX_MANDATES));
        return found.map(mandateOutput);
      },
    },
    Mutation: {
      async registerMandate(
        _root: unknown,
        { input }: { readonly input: RegisterMandateInput },
        context: ApiContext,
      ) {
        const { member } = requireCaller(context, venue, 'orders:write');
        const asked = readMandate(directory.current(), input);
        if (isRefusal(asked)) return asked;
        const { investor } = asked.signed.mandate;
        const notTheirs = checkAccount(accounts, member, investor);
        if (notTheirs) return notTheirs;
        const registered = await mandates.register(member, asked);
        if (isRefusal(registered)) return registered;
        return { mandate: mandateOutput(registered.mandate), existed: registered.existed };
      },
      async revokeMandate(_root: unknown, { id }: { readonly id: string }, context: ApiContext) {
        const { member } = requireCaller(context, venue, 'orders:write');
        if (!MANDATE_ID.test(id)) {
          const action = 'Send 0x and 64 hexadecimal digits.';
          return refuse('MANDATE_UNKNOWN', 'That is no id of a mandate.', action);
        }
        const revoked = await mandates.revoke(member, id.toLowerCase() as `0x${string}`);
        if (isRefusal(revoked)) return revoked;
        const data = encodeWithdrawMandate(revoked.signed.mandate.nonce);
        return { mandate: mandateOutput(revoked), withdrawal: { to: settlement, data } };
      },
    },
    RegisterMandateResult: { __resolveType: refusalOr('MandateRegistered') },
    RevokeMandateResult: { __resolveType: refusalOr('MandateRevoked') },
  };
}

function mandateOutput({ hash, signed, state, used, withdrawn, registeredAtMs }: MandateView) {
  const { mandate } = signed;
  return {
    id: hash,
    ...{ investor: mandate.investor, token: mandate.token, cashToken: mandate.cashToken },
    side: sdlEnum(mandate.side),
    limitAmount: mandate.limitAmount.toString(),
    limitQuantity: mandate.limitQuantity.toString(),
    quantity: mandate.quantity.toString(),
    used: used.toString(),
    expiresAt: sdlDateTime(mandate.expiry * 1_000),
    nonce: mandate.nonce.toString(),
    venues: mandate.venues,
    state: sdlEnum(state),
    withdrawn,
    registeredAt: sdlDateTime(registeredAtMs),
  };
}
