import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { isRefusal } from '../refusal.ts';
import { decodeControl, encodeControl } from './control-codec.ts';
import { decodeFrame, encodeFrame } from './frame-codec.ts';
import {
  decodeFramesRequest,
  decodeHeads,
  encodeFramesRequest,
  encodeHeads,
} from './heads-codec.ts';
import { nodeKeyFromSeed, payloadHash, verifierOf } from './node-key.ts';
import { decodeOrderMessage, encodeOrderMessage } from './order-message-codec.ts';
import {
  decodePlaced,
  decodeSessionPlace,
  encodePlaced,
  encodeSessionPlace,
  placeHash,
  withoutPlace,
} from './session-place.ts';
import { decodeSigned, encodeSigned } from './signed-bytes.ts';

interface Vector {
  readonly name: string;
  readonly message: Record<string, unknown>;
  readonly payload: string;
  readonly hash: string;
  readonly signature: string;
  readonly signed: string;
}

interface VectorFile {
  readonly purpose: 'frame' | 'heads' | 'order';
  readonly seed: string;
  readonly publicKey: string;
  readonly vectors: readonly Vector[];
}

const proto = await protobuf.load(new URL('./stoa.proto', import.meta.url).pathname);

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

const BYTE_FIELDS: ReadonlySet<string> = new Set([
  ...['previousHash', 'hash', 'first', 'second'],
  ...['placeHash', 'salt'],
]);

/** The fields that JSON holds in hex, as bytes again. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const isBytes = BYTE_FIELDS.has(name) && typeof one === 'string';
      return [name, isBytes ? bytes(one) : revive(one)];
    }),
  );
}

/** What a Protocol Buffers library that knows nothing of us reads, and writes again. */
function byLibrary(type: string, payload: Uint8Array) {
  const messageType = proto.lookupType(`stoa.v1.${type}`);
  const message = messageType.decode(payload);
  const object = messageType.toObject(message, { longs: Number, arrays: true, oneofs: false });
  const again = messageType.encode(messageType.fromObject(object)).finish();
  return { object, again: Uint8Array.from(again) };
}

const codecs = {
  frame: {
    type: 'Frame',
    encode: (message: never) => encodeFrame(message),
    decode: (payload: Uint8Array) => {
      const decoded = decodeFrame(payload);
      return isRefusal(decoded) ? decoded : decoded.frame;
    },
  },
  heads: { type: 'Heads', encode: (message: never) => encodeHeads(message), decode: decodeHeads },
  order: {
    type: 'OrderMessage',
    encode: (message: never) => encodeOrderMessage(message),
    decode: decodeOrderMessage,
  },
} as const;

describe.each(['frame.json', 'heads.json', 'order-message.json'])('the vectors of %s', (name) => {
  const file = read<VectorFile>(name);
  const codec = codecs[file.purpose];

  it('are what the code writes, signs and hashes, to the byte', () => {
    const key = nodeKeyFromSeed(bytes(file.seed));
    expect(key.publicKey).toBe(file.publicKey);
    for (const vector of file.vectors) {
      const payload = codec.encode(revive(vector.message) as never);
      expect(hex(payload)).toBe(vector.payload);
      expect(hex(payloadHash(payload))).toBe(vector.hash);
      const signature = key.sign(file.purpose, payload);
      expect(hex(signature)).toBe(vector.signature);
      expect(hex(encodeSigned({ payload, signature }))).toBe(vector.signed);
    }
  });

  it('are read back, and their signatures hold, for their purpose alone', () => {
    const verify = verifierOf(file.publicKey);
    for (const vector of file.vectors) {
      const signed = decodeSigned(bytes(vector.signed), 262_144);
      if (isRefusal(signed)) throw new Error(signed.message);
      for (const purpose of ['frame', 'heads', 'order'] as const) {
        expect(verify(purpose, signed.payload, signed.signature)).toBe(purpose === file.purpose);
      }
      expect(codec.decode(bytes(vector.payload))).toEqual(revive(vector.message));
    }
  });

  it('are read and written alike by another Protocol Buffers library, from stoa.proto', () => {
    for (const vector of file.vectors) {
      const { object, again } = byLibrary(codec.type, bytes(vector.payload));
      expect(object['version']).toBe(1);
      expect(codec.decode(again)).toEqual(revive(vector.message));
      const outer = byLibrary('SignedFrame', bytes(vector.signed));
      expect(hex(outer.again)).toBe(vector.signed);
    }
  });
});

describe('the vectors of placed-order-message.json', () => {
  interface PlacedVector extends Vector {
    readonly at: Record<string, unknown>;
    readonly place: string;
    readonly kept: string;
  }
  const file = read<VectorFile & { vectors: readonly PlacedVector[] }>('placed-order-message.json');

  it('are what the code writes, signs and hashes, to the byte', () => {
    const key = nodeKeyFromSeed(bytes(file.seed));
    for (const vector of file.vectors) {
      const place = encodeSessionPlace(revive(vector.at) as never);
      expect(hex(place)).toBe(vector.place);
      expect(hex(placeHash(place))).toBe(vector.message['placeHash']);
      const payload = encodeOrderMessage(revive(vector.message) as never);
      expect(hex(payload)).toBe(vector.payload);
      expect(hex(payloadHash(payload))).toBe(vector.hash);
      const signature = key.sign('order', payload);
      expect(hex(encodePlaced({ payload, signature, place }))).toBe(vector.signed);
    }
  });

  it('are read back, and what is kept of them proves the message and holds no place', () => {
    for (const vector of file.vectors) {
      const signed = decodePlaced(bytes(vector.signed), 262_144);
      if (isRefusal(signed)) throw new Error(signed.message);
      expect(decodeSessionPlace(signed.place)).toEqual(revive(vector.at));
      expect(decodeOrderMessage(signed.payload)).toEqual(revive(vector.message));
      expect(hex(withoutPlace(signed))).toBe(vector.kept);
      expect(vector.signed.startsWith(vector.kept)).toBe(true);
      expect(verifierOf(file.publicKey)('order', signed.payload, signed.signature)).toBe(true);
    }
  });

  it('are read and written alike by another Protocol Buffers library, from stoa.proto', () => {
    for (const vector of file.vectors) {
      expect(hex(byLibrary('SignedOrderMessage', bytes(vector.signed)).again)).toBe(vector.signed);
      const { again } = byLibrary('OrderMessage', bytes(vector.payload));
      expect(decodeOrderMessage(again)).toEqual(revive(vector.message));
      const place = byLibrary('SessionPlace', bytes(vector.place)).again;
      expect(decodeSessionPlace(place)).toEqual(revive(vector.at));
    }
  });

  it.each([
    ['a place without its salt', [8, 12]],
    ['a salt of 15 bytes', [26, 15, ...Array(15).fill(1)]],
    ['a salt of 17 bytes', [26, 17, ...Array(17).fill(1)]],
    ['a place that is cut off', [26, 16, 1]],
    ['no place at all', []],
  ])('leave %s refused', (_what, place) => {
    const refused = { refused: true, code: 'SESSION_PLACE_MALFORMED' };
    expect(decodeSessionPlace(Uint8Array.from(place))).toMatchObject(refused);
  });
});

describe('the vectors of frames-request.json', () => {
  const file = read<{ vectors: { message: never; bytes: string }[] }>('frames-request.json');

  it('are written and read, by us and by another library', () => {
    for (const vector of file.vectors) {
      expect(hex(encodeFramesRequest(vector.message))).toBe(vector.bytes);
      expect(decodeFramesRequest(bytes(vector.bytes))).toEqual(vector.message);
      expect(byLibrary('FramesRequest', bytes(vector.bytes)).object).toEqual(vector.message);
    }
  });
});

describe('the vectors of control.json', () => {
  const file = read<{ vectors: { message: object; bytes: string }[] }>('control.json');

  it('are written and read, by us and by another library', () => {
    for (const vector of file.vectors) {
      const message = revive(vector.message) as never;
      expect(hex(encodeControl(message))).toBe(vector.bytes);
      expect(decodeControl(bytes(vector.bytes))).toEqual(message);
      expect(hex(byLibrary('Control', bytes(vector.bytes)).again)).toBe(vector.bytes);
    }
  });

  it('are read at every length and with every byte changed, without an exception', () => {
    for (const vector of file.vectors) {
      const whole = bytes(vector.bytes);
      for (let at = 0; at < whole.length; at += 1) {
        decodeControl(whole.subarray(0, at));
        for (const byte of [0, 1, 127, 128, 255]) {
          const changed = Uint8Array.from(whole);
          changed[at] = byte;
          decodeControl(changed);
        }
      }
    }
    expect(decodeControl(Uint8Array.of(34, 5, 10, 200, 1))).toMatchObject({ refused: true });
  });

  it('are bounded: more venues than there can be are refused', () => {
    const graft = Array.from({ length: 257 }, (_, index) => `v${index}`);
    const encoded = encodeControl({ version: 1, graft, prune: [] });
    expect(decodeControl(encoded)).toMatchObject({ code: 'CONTROL_MALFORMED' });
  });
});

describe('a frame of another implementation', () => {
  const frameType = proto.lookupType('stoa.v1.Frame');
  const plain = {
    ...{ version: 1, venue: 'alpha', epoch: 5, sequence: 6, sentAtMs: 7 },
    previousHash: new Uint8Array(32),
    instruments: ['eip155:1/erc20:0x1'],
  };

  it('means what it says in the fields of stoa.proto', () => {
    const book = {
      instrument: 0,
      firm: true,
      validUntilMs: 9,
      bidPrices: [2, 1],
      bidQuantities: [3, 4],
    };
    const payload = frameType
      .encode(frameType.fromObject({ ...plain, entries: [{ book }] }))
      .finish();
    expect(decodeFrame(payload)).toMatchObject({
      skippedEntries: 0,
      frame: {
        ...{ venue: 'alpha', epoch: 5, sequence: 6, sentAtMs: 7 },
        entries: [
          {
            ...{ kind: 'book', instrument: 'eip155:1/erc20:0x1', firm: true, validUntilMs: 9 },
            ...{
              bids: [
                { price: 2, quantity: 3 },
                { price: 1, quantity: 4 },
              ],
              offers: [],
            },
          },
        ],
      },
    });
  });

  it('may hold fields and kinds of entry that came later: they are skipped, and counted', () => {
    const later = protobuf
      .parse(
        `syntax = "proto3"; package later;
       message Frame { uint32 version = 1; string venue = 2; uint64 epoch = 3; uint64 sequence = 4;
         uint64 sentAtMs = 5; bytes previousHash = 6; repeated string instruments = 7;
         repeated Entry entries = 8; string mood = 99; }
       message Entry { Auction auction = 9; }
       message Auction { uint32 instrument = 1; fixed64 id = 2; float weight = 3; }`,
        { keepCase: true },
      )
      .root.lookupType('later.Frame');
    const entries = [{ auction: { instrument: 0, id: 5, weight: 0.5 } }];
    const payload = later.encode(later.fromObject({ ...plain, entries, mood: 'calm' })).finish();
    expect(decodeFrame(payload)).toMatchObject({ skippedEntries: 1, frame: { entries: [] } });
  });

  it.each<[string, object, string]>([
    ['a later version', { version: 2 }, 'FRAME_VERSION_UNKNOWN'],
    ['no version', { version: 0 }, 'FRAME_VERSION_UNKNOWN'],
    ['a venue that is no member id', { venue: 'Alpha!' }, 'FRAME_MALFORMED'],
    ['no sequence', { sequence: 0 }, 'FRAME_MALFORMED'],
    ['a number beyond 2^53', { epoch: '9007199254740992' }, 'FRAME_MALFORMED'],
    ['a hash of 31 bytes', { previousHash: new Uint8Array(31) }, 'FRAME_MALFORMED'],
    [
      'an entry that names no instrument',
      { entries: [{ book: { instrument: 1 } }] },
      'FRAME_MALFORMED',
    ],
    ['more prices than sizes', { entries: [{ book: { bidPrices: [1] } }] }, 'FRAME_MALFORMED'],
    [
      'eleven levels',
      { entries: [{ book: { bidPrices: Array(11).fill(1), bidQuantities: Array(11).fill(1) } }] },
      'FRAME_MALFORMED',
    ],
    [
      'an action nobody knows',
      { entries: [{ trade: { action: 3, executionId: 't' } }] },
      'FRAME_MALFORMED',
    ],
    ['a state nobody knows', { entries: [{ status: { state: 2 } }] }, 'FRAME_MALFORMED'],
  ])('is refused for %s', (_what, part, code) => {
    const payload = frameType.encode(frameType.fromObject({ ...plain, ...part })).finish();
    expect(decodeFrame(payload)).toMatchObject({ refused: true, code });
  });
});

describe('bytes that were cut short', () => {
  it('are refused at every length, without an exception', () => {
    for (const name of ['frame.json', 'heads.json', 'order-message.json']) {
      const file = read<VectorFile>(name);
      for (const vector of file.vectors) {
        const whole = bytes(vector.signed);
        for (let length = 0; length < whole.length; length += 1) {
          expect(isRefusal(decodeSigned(whole.subarray(0, length), 262_144))).toBe(true);
          // A shorter payload may be a message too; it never throws.
          codecs[file.purpose].decode(whole.subarray(0, length));
        }
      }
    }
  });
});
