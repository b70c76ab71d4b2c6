import { isInstrumentId, isIsin } from '@stoa/schema';
import { GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { isAddress } from 'viem';
import { apiError } from './api-error.ts';
import { readMoment } from './sdl-value.ts';

function stringScalar(name: string, expects: string, read: (text: string) => string | undefined) {
  function parseValue(value: unknown): string {
    const text = typeof value === 'string' ? read(value) : undefined;
    if (text === undefined) throw apiError('BAD_USER_INPUT', `${name} must be ${expects}.`);
    return text;
  }
  return new GraphQLScalarType({
    name,
    // An integer in smallest units that nobody formatted would read as an amount: never let it out.
    serialize(value) {
      if (typeof value === 'string') return value;
      throw new TypeError(`${name} was given a ${typeof value}`);
    },
    parseValue,
    // A number literal would have been read as a float by many a client: it is refused as well.
    parseLiteral: (node: ValueNode) =>
      parseValue(node.kind === Kind.STRING ? node.value : undefined),
  });
}

/** An address whose letters are of one case, or of two with the checksum of EIP-55. */
function isChecked(text: string): boolean {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return false;
  const digits = text.slice('0x'.length);
  const isOneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  return isOneCase || isAddress(text, { strict: true });
}

function safeInteger(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw apiError('BAD_USER_INPUT', 'SafeInt must be a whole number up to 2^53 - 1.');
}

/** Resolvers of the SDL's own scalars: what they accept, and how they are written. */
export const scalarResolvers = {
  Decimal: stringScalar('Decimal', 'a decimal number in a string, such as "100.25"', (text) =>
    /^-?\d{1,40}(\.\d{1,40})?$/.test(text) ? text : undefined,
  ),
  DateTime: stringScalar(
    'DateTime',
    'a moment in UTC, such as "2026-01-31T14:30:00.000Z"',
    (text) => (readMoment(text) === undefined ? undefined : text),
  ),
  Address: stringScalar(
    'Address',
    '0x and 40 hexadecimal digits, in one case or with a right checksum',
    (text) => (isChecked(text) ? text : undefined),
  ),
  InstrumentId: stringScalar(
    'InstrumentId',
    'a CAIP-19 asset id such as "eip155:1/erc20:0x…" with 40 hexadecimal digits',
    // Wallets show addresses in mixed case; the id is the same in any.
    (text) =>
      isInstrumentId(text.toLowerCase()) && isChecked(`0x${text.slice(-40)}`)
        ? text.toLowerCase()
        : undefined,
  ),
  ISIN: stringScalar('ISIN', 'an ISIN with a right check digit, such as "US0378331005"', (text) =>
    isIsin(text) ? text : undefined,
  ),
  SafeInt: new GraphQLScalarType({
    name: 'SafeInt',
    serialize: safeInteger,
    parseValue: safeInteger,
    parseLiteral: (node: ValueNode) =>
      safeInteger(node.kind === Kind.INT ? Number(node.value) : undefined),
  }),
};
