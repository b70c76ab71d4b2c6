import { isMemberId } from '../ids.ts';
import type { Head, Heads } from '../market.ts';
import type { Refusal } from '../refusal.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/** At most this many venues stand in one heads message. */
export const MAX_HEADS = 256;
/** A heads message is at most this long. */
export const MAX_HEADS_BYTES = 32_768;

/** At most this many frames stand in one answer on `/stoa/frames/1`; who wants more asks again. */
export const MAX_ANSWER_FRAMES = 512;

/** Which frames of one venue and epoch are asked for on `/stoa/frames/1`; both ends inclusive. */
export interface FramesRequest {
  readonly venue: string;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  /** Asks for that range of the first epoch after `epoch`, whichever that is. */
  readonly following?: boolean;
}

/** Encodes the payload of a heads message: the bytes that are signed. */
export function encodeHeads(heads: Heads): Uint8Array {
  const writer = new ProtoWriter()
    .uint(1, heads.version)
    .string(2, heads.member)
    .uint(3, heads.sentAtMs);
  for (const head of heads.heads) {
    writer.message(4, (inner) =>
      inner.string(1, head.venue).uint(2, head.epoch).uint(3, head.sequence).bytes(4, head.hash),
    );
  }
  return writer.finish();
}

/** Reads a heads message. */
export function decodeHeads(payload: Uint8Array): Heads | Refusal<'HEADS_MALFORMED'> {
  return guarded('HEADS_MALFORMED', () => {
    const reader = new ProtoReader(payload);
    const found = { version: 0, member: '', sentAtMs: 0 };
    const heads: Head[] = [];
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) found.version = reader.uint();
      else if (field === 2) found.member = reader.string(64);
      else if (field === 3) found.sentAtMs = reader.uint();
      else if (field === 4) {
        if (heads.push(readHead(reader.message())) > MAX_HEADS)
          throw new WireError('too many heads');
      } else reader.skip();
    }
    if (!isMemberId(found.member)) throw new WireError('member is no member id');
    return { ...found, heads };
  });
}

function readHead(reader: ProtoReader): Head {
  const found = { venue: '', epoch: 0, sequence: 0 };
  let hash: Uint8Array = new Uint8Array();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) found.venue = reader.string(64);
    else if (field === 2) found.epoch = reader.uint();
    else if (field === 3) found.sequence = reader.uint();
    else if (field === 4) hash = reader.bytes(32);
    else reader.skip();
  }
  if (!isMemberId(found.venue) || hash.length !== 32) throw new WireError('not a head');
  return { ...found, hash };
}

/** Encodes a request for frames. */
export function encodeFramesRequest(request: FramesRequest): Uint8Array {
  return new ProtoWriter(64)
    .string(1, request.venue)
    .uint(2, request.epoch)
    .uint(3, request.from)
    .uint(4, request.to)
    .uint(5, request.following ? 1 : 0)
    .finish();
}

/** Reads a request for frames. */
export function decodeFramesRequest(
  bytes: Uint8Array,
): FramesRequest | Refusal<'REQUEST_MALFORMED'> {
  return guarded('REQUEST_MALFORMED', () => {
    const reader = new ProtoReader(bytes);
    const found = { venue: '', epoch: 0, from: 0, to: 0, following: false };
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) found.venue = reader.string(64);
      else if (field === 2) found.epoch = reader.uint();
      else if (field === 3) found.from = reader.uint();
      else if (field === 4) found.to = reader.uint();
      else if (field === 5) found.following = reader.uint() === 1;
      else reader.skip();
    }
    if (!isMemberId(found.venue) || found.from === 0 || found.to < found.from) {
      throw new WireError('not a request for frames');
    }
    const { following, ...range } = found;
    return following ? found : range;
  });
}
