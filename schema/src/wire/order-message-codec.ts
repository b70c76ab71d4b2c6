import { isMemberId } from '../ids.ts';
import { type OrderMessageBody, orderMessageBody } from '../order-message.ts';
import type { Refusal } from '../refusal.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/** A signed order message is at most this long. */
export const MAX_ORDER_MESSAGE_BYTES = 262_144;

/** One message of an order session between two members. */
export interface OrderMessage {
  readonly version: number;
  readonly from: string;
  readonly to: string;
  /** Of version 1, see `SessionPlace`; from version 2 on 0 in what is signed. */
  readonly number: number;
  /** As `number`. */
  readonly acknowledged: number;
  /** Unix time, milliseconds. */
  readonly sentAtMs: number;
  readonly body: OrderMessageBody;
  /** From version 2 on: the hash of its `SessionPlace`; absent where it never was in a session. */
  readonly placeHash?: Uint8Array;
}

const PLACE_HASH_BYTES = 32;

/** Encodes the payload of an order message: the bytes that are signed. */
export function encodeOrderMessage(message: OrderMessage): Uint8Array {
  return new ProtoWriter(1_024)
    .uint(1, message.version)
    .string(2, message.from)
    .string(3, message.to)
    .uint(4, message.number)
    .uint(5, message.acknowledged)
    .uint(6, message.sentAtMs)
    .string(7, JSON.stringify(message.body))
    .bytes(8, message.placeHash ?? new Uint8Array())
    .finish();
}

/** Reads an order message; its body is checked against the body's schema. */
export function decodeOrderMessage(
  payload: Uint8Array,
): OrderMessage | Refusal<'ORDER_MESSAGE_MALFORMED'> {
  return guarded('ORDER_MESSAGE_MALFORMED', () => {
    const reader = new ProtoReader(payload);
    const found = { version: 0, from: '', to: '', number: 0, acknowledged: 0, sentAtMs: 0 };
    let text = '';
    let hash: Uint8Array | undefined;
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) found.version = reader.uint();
      else if (field === 2) found.from = reader.string(64);
      else if (field === 3) found.to = reader.string(64);
      else if (field === 4) found.number = reader.uint();
      else if (field === 5) found.acknowledged = reader.uint();
      else if (field === 6) found.sentAtMs = reader.uint();
      else if (field === 7) text = reader.string(MAX_ORDER_MESSAGE_BYTES);
      else if (field === 8 && found.version > 1) hash = reader.bytes(PLACE_HASH_BYTES);
      else reader.skip();
    }
    if (!isMemberId(found.from) || !isMemberId(found.to)) throw new WireError('no member ids');
    const body = readBody(text);
    if (found.version < 2) return { ...found, body };
    // A sender that signed its numbers would tell them to whoever is shown the message.
    if (found.number + found.acknowledged > 0) throw new WireError('numbers in what is signed');
    if (hash === undefined) return { ...found, body };
    if (hash.length !== PLACE_HASH_BYTES) throw new WireError('no hash of 32 bytes');
    return { ...found, body, placeHash: hash };
  });
}

function readBody(text: string): OrderMessageBody {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new WireError('the body is not JSON');
  }
  const parsed = orderMessageBody.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new WireError(
      `the body is wrong at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? '?'}`,
    );
  }
  return parsed.data;
}
