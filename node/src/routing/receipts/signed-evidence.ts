import {
  decodeFrame,
  decodeOrderMessage,
  decodeSigned,
  type Frame,
  isRefusal,
  MAX_FRAME_BYTES,
  MAX_ORDER_MESSAGE_BYTES,
  type OrderMessage,
  type SignaturePurpose,
  type SignedBytes,
  type Verifier,
} from '@stoa/schema';
import type { DirectoryExtract } from './receipt.ts';

/** Clocks differ: a key counts for what was signed so close to the ends of its window. */
const KEY_WINDOW_SLACK_MS = 60_000;

/** A frame read from evidence; nothing is said yet of who signed it. */
export interface OpenedFrame {
  readonly frame: Frame;
  readonly signed: SignedBytes;
}

/** An order message read from evidence; nothing is said yet of who signed it. */
export interface OpenedMessage {
  readonly message: OrderMessage;
  readonly signed: SignedBytes;
}

/** Reads the bytes of a SignedFrame; undefined for what is none. */
export function openFrame(bytes: Uint8Array): OpenedFrame | undefined {
  const signed = decodeSigned(bytes, MAX_FRAME_BYTES);
  if (isRefusal(signed)) return undefined;
  const decoded = decodeFrame(signed.payload);
  return isRefusal(decoded) ? undefined : { frame: decoded.frame, signed };
}

/** Reads the bytes of a SignedOrderMessage; undefined for what is none. */
export function openMessage(bytes: Uint8Array): OpenedMessage | undefined {
  const signed = decodeSigned(bytes, MAX_ORDER_MESSAGE_BYTES);
  if (isRefusal(signed)) return undefined;
  const message = decodeOrderMessage(signed.payload);
  return isRefusal(message) ? undefined : { message, signed };
}

/** Whether a member signed these bytes with a key that was its own when it did. */
export function isSignedBy(
  member: DirectoryExtract['members'][number] | undefined,
  what: { readonly purpose: SignaturePurpose; readonly signed: SignedBytes; readonly atMs: number },
  verifier: (publicKey: string) => Verifier,
): boolean {
  if (!member) return false;
  const fromSeconds = (what.atMs - KEY_WINDOW_SLACK_MS) / 1_000;
  const toSeconds = (what.atMs + KEY_WINDOW_SLACK_MS) / 1_000;
  return member.nodeKeys.some(
    ({ key, validFrom, validTo }) =>
      validFrom <= toSeconds &&
      (validTo === 0 || validTo >= fromSeconds) &&
      verifier(key)(what.purpose, what.signed.payload, what.signed.signature),
  );
}
