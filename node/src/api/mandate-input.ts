import type { SignedMandate } from '@stoa/contracts';
import { type Directory, isMemberId, isRefusal, type Refusal, refuse } from '@stoa/schema';
import type { MandateDomain } from '../settlement/mandates/mandate-rules.ts';
import { readAccount, readInstrument, SIDES } from './order-input.ts';

/** The SDL's RegisterMandateInput. */
export interface RegisterMandateInput {
  readonly investor: string;
  readonly instrument: string;
  readonly side: keyof typeof SIDES;
  readonly limitAmount: string;
  readonly limitQuantity: string;
  readonly quantity: string;
  readonly expiry: number;
  readonly nonce: string;
  readonly venues: readonly string[] | null;
  readonly chainId: number;
  readonly verifyingContract: string;
  readonly signature: string;
}

const mostVenues = 16;
/** An ERC-1271 contract may want more than a key's 65 bytes, though not without end. */
const signaturePattern = /^0x(?:[0-9a-fA-F]{2}){1,4096}$/;
const uint256Limit = 2n ** 256n;

/** Reads a mandate as its investor signed it; the instrument says token and cash token. */
export function readMandate(
  directory: Directory,
  input: RegisterMandateInput,
): { readonly signed: SignedMandate; readonly domain: MandateDomain } | Refusal {
  const instrument = readInstrument(directory, input.instrument);
  if (isRefusal(instrument)) return instrument;
  const investor = readAccount(input.investor);
  if (isRefusal(investor)) return investor;
  const settlement = readAccount(input.verifyingContract);
  if (isRefusal(settlement)) return settlement;
  const { limitAmount, limitQuantity, quantity, nonce } = input;
  const words = readWords({ limitAmount, limitQuantity, quantity, nonce });
  if (isRefusal(words)) return words;
  const venues = input.venues ?? [];
  if (venues.length > mostVenues || !venues.every(isMemberId)) {
    const message = `A mandate names up to ${mostVenues} venues by their member ids.`;
    return refuse(
      'MANDATE_INVALID',
      message,
      'Leave the venues out, or name those that may trade.',
    );
  }
  if (!signaturePattern.test(input.signature)) {
    const message = 'The signature is not 0x and up to 4,096 bytes of hexadecimal digits.';
    return refuse('INVALID_MANDATE_SIGNATURE', message, 'Send it as the wallet gave it.');
  }
  const { token, cashToken } = instrument;
  const mandate = {
    ...{ investor, side: SIDES[input.side], token, cashToken, ...words },
    ...{ expiry: input.expiry, venues },
  };
  return {
    signed: { mandate, signature: input.signature as `0x${string}` },
    domain: { chainId: input.chainId, settlement },
  };
}

/** Numbers of 256 bits, as digits. */
function readWords<Name extends string>(
  texts: Readonly<Record<Name, string>>,
): Record<Name, bigint> | Refusal {
  const words: [string, bigint][] = [];
  for (const [name, text] of Object.entries<string>(texts)) {
    const value = /^\d{1,78}$/.test(text) ? BigInt(text) : uint256Limit;
    if (value >= uint256Limit) {
      const message = `\`${name}\` is no whole number of 256 bits.`;
      return refuse('OUT_OF_RANGE', message, 'Send decimal digits, in the smallest unit.');
    }
    words.push([name, value]);
  }
  return Object.fromEntries(words) as Record<Name, bigint>;
}
