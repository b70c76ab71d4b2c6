import type { SeededRandom } from '@stoa/adapters/seeded-random';

/** A length that stands in a protobuf message: where its varint begins and ends, and what it says. */
interface LengthField {
  readonly start: number;
  readonly end: number;
  readonly value: number;
}

/** Rewrites one of the lengths in a sound message, at any depth, to one that is not true. */
export function lieAboutLength(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const fields: LengthField[] = [];
  collectLengths(bytes, 0, bytes.length, fields);
  const { start, end, value } = random.pick(fields);
  const lie = random.pick([
    0,
    value - 1,
    value + 1,
    value + random.between(2, 300),
    Math.floor(value / 2),
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 53,
    2 ** 63,
  ]);
  return Buffer.concat([bytes.subarray(0, start), varint(lie), bytes.subarray(end)]);
}

/** Every length-delimited field, and those inside it where its content reads as a message too. */
function collectLengths(bytes: Uint8Array, from: number, to: number, into: LengthField[]): boolean {
  const found: LengthField[] = [];
  let at = from;
  while (at < to) {
    const key = readVarint(bytes, at, to);
    if (!key || key.value < 8) return false;
    at = key.end;
    const wireType = key.value % 8;
    if (wireType !== 0 && wireType !== 2) return false;
    const value = readVarint(bytes, at, to);
    if (!value) return false;
    if (wireType === 2) {
      if (value.value > to - value.end) return false;
      found.push({ start: at, end: value.end, value: value.value });
      collectLengths(bytes, value.end, value.end + value.value, found);
      at = value.end + value.value;
    } else at = value.end;
  }
  into.push(...found);
  return true;
}

function readVarint(
  bytes: Uint8Array,
  from: number,
  to: number,
): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = from; at < to && at < from + 8; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte % 128) * 128 ** (at - from);
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(Math.max(0, value));
  while (rest >= 128n) {
    bytes.push(Number(rest % 128n) + 128);
    rest /= 128n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
