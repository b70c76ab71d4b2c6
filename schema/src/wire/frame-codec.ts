import type { InstrumentId } from '../ids.ts';
import { isMemberId } from '../ids.ts';
import {
  type BookEntry,
  type Entry,
  type Frame,
  type Level,
  MAX_LEVELS,
  type StatusEntry,
  type TradeEntry,
} from '../market.ts';
import { type Refusal, refuse } from '../refusal.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/** The version of the wire this code writes. */
export const WIRE_VERSION = 1;
/** A signed frame is at most this long. */
export const MAX_FRAME_BYTES = 65_536;
/** At most this many entries, and as many instruments, stand in a frame. */
export const MAX_ENTRIES = 1_024;
const MAX_TEXT_BYTES = 256;

const TRADE_ACTIONS = ['print', 'correct', 'bust'] as const;
const STATES = ['trading', 'halted'] as const;
const AUTHORITIES = ['venue', 'issuer', 'regulator'] as const;

/** A frame read from bytes, and how many entries of a kind we do not know were skipped. */
export interface DecodedFrame {
  readonly frame: Frame;
  readonly skippedEntries: number;
}

/** Encodes the payload of a frame: the bytes that are signed. */
export function encodeFrame(frame: Frame): Uint8Array {
  const places = new Map<InstrumentId, number>();
  for (const entry of frame.entries) {
    if (!places.has(entry.instrument)) places.set(entry.instrument, places.size);
  }
  const writer = new ProtoWriter(1_024)
    .uint(1, frame.version)
    .string(2, frame.venue)
    .uint(3, frame.epoch)
    .uint(4, frame.sequence)
    .uint(5, frame.sentAtMs)
    .bytes(6, frame.previousHash);
  for (const instrument of places.keys()) writer.element(7, instrument);
  for (const entry of frame.entries) {
    const place = places.get(entry.instrument) ?? 0;
    writer.message(8, (inner) => encodeEntry(inner, entry, place));
  }
  return writer.finish();
}

const priceOf = ({ price }: Level): number => price;
const quantityOf = ({ quantity }: Level): number => quantity;

function encodeEntry(writer: ProtoWriter, entry: Entry, place: number): void {
  switch (entry.kind) {
    case 'book':
      writer.message(1, (book) =>
        book
          .uint(1, place)
          .uint(2, entry.firm ? 1 : 0)
          .uint(3, entry.validUntilMs)
          .packed(4, entry.bids, priceOf)
          .packed(5, entry.bids, quantityOf)
          .packed(6, entry.offers, priceOf)
          .packed(7, entry.offers, quantityOf),
      );
      return;
    case 'trade':
      writer.message(2, (trade) =>
        trade
          .uint(1, place)
          .uint(2, TRADE_ACTIONS.indexOf(entry.action))
          .string(3, entry.executionId)
          .uint(4, entry.price)
          .uint(5, entry.quantity)
          .uint(6, entry.executedAtMs)
          .uint(7, entry.negotiated ? 1 : 0),
      );
      return;
    case 'status':
      writer.message(3, (status) =>
        status
          .uint(1, place)
          .uint(2, STATES.indexOf(entry.state))
          .uint(3, AUTHORITIES.indexOf(entry.authority))
          .string(4, entry.reason),
      );
  }
}

/**
 * Reads a frame's payload. Structure only: lengths, ranges, level counts. Whether it is true, timely
 * and allowed is the judge's business. A version other than ours is `FRAME_VERSION_UNKNOWN`.
 */
export function decodeFrame(
  payload: Uint8Array,
): DecodedFrame | Refusal<'FRAME_MALFORMED' | 'FRAME_VERSION_UNKNOWN'> {
  const decoded = guarded('FRAME_MALFORMED', () => readFrame(new ProtoReader(payload)));
  if ('refused' in decoded || decoded.frame.version === WIRE_VERSION) return decoded;
  return refuse(
    'FRAME_VERSION_UNKNOWN',
    `The frame is of version ${decoded.frame.version}.`,
    `Send version ${WIRE_VERSION}.`,
  );
}

function readFrame(reader: ProtoReader): DecodedFrame {
  const head = { version: 0, venue: '', epoch: 0, sequence: 0, sentAtMs: 0 };
  let previousHash: Uint8Array = new Uint8Array();
  const instruments: string[] = [];
  const entries: Entry[] = [];
  let skippedEntries = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) head.version = reader.uint();
    else if (field === 2) head.venue = reader.string(MAX_TEXT_BYTES);
    else if (field === 3) head.epoch = reader.uint();
    else if (field === 4) head.sequence = reader.uint();
    else if (field === 5) head.sentAtMs = reader.uint();
    else if (field === 6) previousHash = reader.bytes(32);
    else if (field === 7) {
      if (instruments.push(reader.string(MAX_TEXT_BYTES)) > MAX_ENTRIES)
        throw new WireError('too many instruments');
    } else if (field === 8) {
      // Entries name instruments by place, and the list stands before them in what we write; a
      // writer that orders fields otherwise is refused rather than read twice.
      const entry = readEntry(reader.message(), instruments);
      if (entry === undefined) skippedEntries += 1;
      else entries.push(entry);
      if (entries.length + skippedEntries > MAX_ENTRIES) throw new WireError('too many entries');
    } else reader.skip();
  }
  if (!isMemberId(head.venue)) throw new WireError('venue is no member id');
  if (previousHash.length !== 32) throw new WireError('previous hash is not 32 bytes');
  if (head.epoch === 0 || head.sequence === 0) throw new WireError('epoch or sequence is zero');
  return { frame: { ...head, previousHash, entries }, skippedEntries };
}

function readEntry(reader: ProtoReader, instruments: readonly string[]): Entry | undefined {
  let entry: Entry | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) entry = readBook(reader.message(), instruments);
    else if (field === 2) entry = readTrade(reader.message(), instruments);
    else if (field === 3) entry = readStatus(reader.message(), instruments);
    else reader.skip();
  }
  return entry;
}

function named(instruments: readonly string[], place: number): InstrumentId {
  const instrument = instruments[place];
  if (instrument === undefined) throw new WireError('entry names no instrument');
  return instrument;
}

function choice<T>(values: readonly T[], index: number, what: string): T {
  const value = values[index];
  if (value === undefined) throw new WireError(`unknown ${what}`);
  return value;
}

function readBook(reader: ProtoReader, instruments: readonly string[]): BookEntry {
  let place = 0;
  let firm = false;
  let validUntilMs = 0;
  const columns: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) place = reader.uint();
    else if (field === 2) firm = reader.uint() === 1;
    else if (field === 3) validUntilMs = reader.uint();
    else if (field >= 4 && field <= 7)
      reader.packedInto(columns[field - 4] as number[], MAX_LEVELS);
    else reader.skip();
  }
  const [bidPrices, bidQuantities, offerPrices, offerQuantities] = columns;
  const bids = levels(bidPrices, bidQuantities);
  const offers = levels(offerPrices, offerQuantities);
  return { kind: 'book', instrument: named(instruments, place), firm, validUntilMs, bids, offers };
}

function levels(prices: readonly number[], quantities: readonly number[]): Level[] {
  if (prices.length !== quantities.length)
    throw new WireError('prices and quantities differ in number');
  return prices.map((price, index) => ({ price, quantity: quantities[index] as number }));
}

function readTrade(reader: ProtoReader, instruments: readonly string[]): TradeEntry {
  const raw = { place: 0, action: 0, executionId: '', price: 0, quantity: 0, executedAtMs: 0 };
  let negotiated = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) raw.place = reader.uint();
    else if (field === 2) raw.action = reader.uint();
    else if (field === 3) raw.executionId = reader.string(64);
    else if (field === 4) raw.price = reader.uint();
    else if (field === 5) raw.quantity = reader.uint();
    else if (field === 6) raw.executedAtMs = reader.uint();
    else if (field === 7) negotiated = reader.uint();
    else reader.skip();
  }
  const { place, action, ...rest } = raw;
  return {
    kind: 'trade',
    instrument: named(instruments, place),
    action: choice(TRADE_ACTIONS, action, 'trade action'),
    ...rest,
    ...(negotiated === 0 ? {} : { negotiated: true }),
  };
}

function readStatus(reader: ProtoReader, instruments: readonly string[]): StatusEntry {
  const raw = { place: 0, state: 0, authority: 0, reason: '' };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) raw.place = reader.uint();
    else if (field === 2) raw.state = reader.uint();
    else if (field === 3) raw.authority = reader.uint();
    else if (field === 4) raw.reason = reader.string(MAX_TEXT_BYTES);
    else reader.skip();
  }
  return {
    kind: 'status',
    instrument: named(instruments, raw.place),
    state: choice(STATES, raw.state, 'state'),
    authority: choice(AUTHORITIES, raw.authority, 'authority'),
    reason: raw.reason,
  };
}
