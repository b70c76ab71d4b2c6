import { isMemberId, type VenueId } from '../ids.ts';
import type { Refusal } from '../refusal.ts';
import { MAX_FRAME_BYTES } from './frame-codec.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/** At most this many venues stand in each list of a control message. */
export const MAX_CONTROL_VENUES = 256;
/** A control message is at most this long: two frames, and the fields around them. */
export const MAX_CONTROL_BYTES = 2 * MAX_FRAME_BYTES + 32_768;

/** Two SignedFrames of one venue that cannot both be true, each as it was signed. */
export interface ProofBytes {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/**
 * What neighbours tell each other beside the frames. It is not signed: it speaks for the two ends of
 * one connection only, and a proof carries the venue's own signatures.
 */
export interface Control {
  readonly version: number;
  /** Venues whose frames the receiver shall pass on to the sender from now on. */
  readonly graft: readonly VenueId[];
  /** Venues whose frames it shall pass on no longer. */
  readonly prune: readonly VenueId[];
  readonly proof?: ProofBytes;
}

/** Encodes a control message. */
export function encodeControl(control: Control): Uint8Array {
  const writer = new ProtoWriter().uint(1, control.version);
  for (const venue of control.graft) writer.element(2, venue);
  for (const venue of control.prune) writer.element(3, venue);
  const { proof } = control;
  if (proof) writer.message(4, (inner) => inner.bytes(1, proof.first).bytes(2, proof.second));
  return writer.finish();
}

/** Reads a control message. */
export function decodeControl(bytes: Uint8Array): Control | Refusal<'CONTROL_MALFORMED'> {
  return guarded('CONTROL_MALFORMED', () => {
    const reader = new ProtoReader(bytes);
    let version = 0;
    const graft: VenueId[] = [];
    const prune: VenueId[] = [];
    let proof: ProofBytes | undefined;
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) version = reader.uint();
      else if (field === 2) addVenue(graft, reader);
      else if (field === 3) addVenue(prune, reader);
      else if (field === 4) proof = readProof(reader.message());
      else reader.skip();
    }
    return { version, graft, prune, ...(proof && { proof }) };
  });
}

function addVenue(venues: VenueId[], reader: ProtoReader): void {
  const venue = reader.string(64);
  if (!isMemberId(venue)) throw new WireError('not a member id');
  if (venues.push(venue) > MAX_CONTROL_VENUES) throw new WireError('too many venues');
}

function readProof(reader: ProtoReader): ProofBytes {
  let first: Uint8Array = new Uint8Array();
  let second: Uint8Array = new Uint8Array();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) first = reader.bytes(MAX_FRAME_BYTES);
    else if (field === 2) second = reader.bytes(MAX_FRAME_BYTES);
    else reader.skip();
  }
  return { first, second };
}
