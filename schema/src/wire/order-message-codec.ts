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
  /** Rises by one per (from, to), for ever; 0 for a message that is not stored (hello, acknowledge). */
  readonly number: number;
  /** The highest number received from the other side without a gap. */
  readonly acknowledged: number;
  /** Unix time, milliseconds. */
  readonly sentAtMs: number;
  readonly body: OrderMessageBody;
}

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
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) found.version = reader.uint();
      else if (field === 2) found.from = reader.string(64);
      else if (field === 3) found.to = reader.string(64);
      else if (field === 4) found.number = reader.uint();
      else if (field === 5) found.acknowledged = reader.uint();
      else if (field === 6) found.sentAtMs = reader.uint();
      else if (field === 7) text = reader.string(MAX_ORDER_MESSAGE_BYTES);
      else reader.skip();
    }
    if (!isMemberId(found.from) || !isMemberId(found.to)) throw new WireError('no member ids');
    return { ...found, body: readBody(text) };
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
