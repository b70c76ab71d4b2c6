/**
 * Writes `vectors/*.json`: messages of the wire with their bytes, for whoever writes a second
 * implementation. The tests check that the code still gives the same bytes; a change of them is a
 * change of the wire, and needs a new version of it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import {
  type Control,
  encodeControl,
  encodeFrame,
  encodeFramesRequest,
  encodeHeads,
  encodeOrderMessage,
  encodePlaced,
  encodeSessionPlace,
  encodeSigned,
  type Frame,
  type FramesRequest,
  type Heads,
  nodeKeyFromSeed,
  type OrderMessage,
  payloadHash,
  placeHash,
  type SignaturePurpose,
} from './src/index.ts';

const seed = new Uint8Array(32).map((_, index) => index);
const key = nodeKeyFromSeed(seed);
const firstToken = `eip155:31337/erc20:0x${'1'.repeat(40)}`;
const secondToken = `eip155:31337/erc20:0x${'2'.repeat(40)}`;
const epoch = 1_767_225_600_000;

const emptyFrame: Frame = {
  ...{ version: 1, venue: 'alpha', epoch, sequence: 1, sentAtMs: epoch + 5 },
  ...{ previousHash: new Uint8Array(32), entries: [] },
};
const frames: Record<string, Frame> = {
  'a heartbeat: the first frame of an epoch, without entries': emptyFrame,
  'every kind of entry, over two instruments': {
    ...{ version: 1, venue: 'alpha', epoch, sequence: 2, sentAtMs: epoch + 1_005 },
    previousHash: payloadHash(encodeFrame(emptyFrame)),
    entries: [
      {
        ...{ kind: 'book', instrument: firstToken, firm: true, validUntilMs: epoch + 7_005 },
        bids: [
          { price: 10_025, quantity: 300 },
          { price: 10_000, quantity: 1 },
        ],
        offers: [{ price: 10_050, quantity: 200 }],
      },
      {
        ...{ kind: 'book', instrument: secondToken, firm: false, validUntilMs: epoch + 7_005 },
        ...{ bids: [], offers: [] },
      },
      {
        ...{ kind: 'trade', action: 'print', instrument: firstToken, executionId: 'alpha-7' },
        ...{ price: 10_050, quantity: 100, executedAtMs: epoch + 900 },
      },
      {
        ...{ kind: 'trade', action: 'bust', instrument: firstToken, executionId: 'alpha-6' },
        ...{ price: 0, quantity: 0, executedAtMs: epoch + 800 },
      },
      {
        ...{ kind: 'trade', action: 'print', instrument: firstToken, executionId: 'alpha-8' },
        ...{ price: 10_040, quantity: 5_000, executedAtMs: epoch + 950, negotiated: true },
      },
      {
        ...{ kind: 'status', instrument: secondToken, state: 'halted', authority: 'regulator' },
        reason: 'Nachricht läuft',
      },
    ],
  },
  'the largest numbers: 2^53 - 1': {
    ...{ version: 1, venue: 'a', epoch: Number.MAX_SAFE_INTEGER },
    ...{ sequence: Number.MAX_SAFE_INTEGER, sentAtMs: Number.MAX_SAFE_INTEGER },
    previousHash: new Uint8Array(32).fill(255),
    entries: [
      {
        ...{ kind: 'book', instrument: firstToken, firm: true },
        validUntilMs: Number.MAX_SAFE_INTEGER,
        bids: [{ price: Number.MAX_SAFE_INTEGER, quantity: Number.MAX_SAFE_INTEGER }],
        offers: [],
      },
    ],
  },
};
const heads: Record<string, Heads> = {
  'two venues': {
    ...{ version: 1, member: 'beta', sentAtMs: epoch + 1_100 },
    heads: [
      { venue: 'alpha', epoch, sequence: 2, hash: new Uint8Array(32).fill(17) },
      { venue: 'beta', epoch: epoch + 1, sequence: 90, hash: new Uint8Array(32).fill(34) },
    ],
  },
  'a node that has nothing yet': { version: 1, member: 'beta', sentAtMs: epoch, heads: [] },
};
const requests: Record<string, FramesRequest> = {
  'frames 3 to 9': { venue: 'alpha', epoch, from: 3, to: 9 },
  'the first frames of the next epoch': {
    venue: 'alpha',
    epoch,
    from: 1,
    to: 512,
    following: true,
  },
};
const controls: Record<string, Control> = {
  'asks for two venues, and for one no longer': {
    ...{ version: 1, graft: ['alpha', 'beta'], prune: ['gamma'] },
  },
  'carries a proof': {
    ...{ version: 1, graft: [], prune: [] },
    proof: { first: new Uint8Array([10, 1, 7]), second: new Uint8Array([10, 1, 8]) },
  },
};
const orders: Record<string, OrderMessage> = {
  'the greeting of a new stream': {
    ...{ version: 1, from: 'alpha', to: 'beta', number: 0, acknowledged: 41, sentAtMs: epoch },
    body: { kind: 'hello' },
  },
  'a leg': {
    ...{ version: 1, from: 'alpha', to: 'beta', number: 12, acknowledged: 41, sentAtMs: epoch },
    body: {
      kind: 'leg-new',
      leg: {
        ...{ legId: 'alpha-5.1.1', instrument: firstToken, side: 'buy', timeInForce: 'ioc' },
        ...{ quantity: 500, limitPrice: 10_050, member: 'broker', account: `0x${'a'.repeat(40)}` },
      },
    },
  },
  'a request for quote, of which both sides are wanted': {
    ...{ version: 1, from: 'alpha', to: 'beta', number: 13, acknowledged: 41, sentAtMs: epoch },
    body: {
      ...{ kind: 'quote-request', requestId: 'alpha-q3', instrument: firstToken, quantity: 5_000 },
      ...{ validForMs: 60_000, member: 'broker', responders: ['maker'] },
    },
  },
  'a firm quote': {
    ...{ version: 1, from: 'beta', to: 'alpha', number: 42, acknowledged: 13, sentAtMs: epoch },
    body: {
      ...{ kind: 'quote', requestId: 'alpha-q3', quoteId: 'beta-q9', validForMs: 15_000 },
      offer: { price: 10_040, quantity: 5_000 },
    },
  },
};

/** Bytes in hex, for JSON; everything else as it is. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, readable(one)]));
}

function signedVectors<T>(
  purpose: SignaturePurpose,
  messages: Record<string, T>,
  encode: (message: T) => Uint8Array,
) {
  return {
    purpose,
    seed: readable(seed),
    publicKey: key.publicKey,
    vectors: Object.entries(messages).map(([name, message]) => {
      const payload = encode(message);
      const signature = key.sign(purpose, payload);
      const signed = encodeSigned({ payload, signature });
      return readable({ name, message, payload, hash: payloadHash(payload), signature, signed });
    }),
  };
}

/** Order messages of version 2: what is signed names its place by a hash, and the place stands beside it. */
function placedVectors() {
  const salt = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
  const vectors = Object.entries(orders).map(([name, { number, acknowledged, ...said }]) => {
    const at = { number, acknowledged, salt };
    const place = encodeSessionPlace(at);
    const message = {
      ...said,
      version: 2,
      number: 0,
      acknowledged: 0,
      placeHash: placeHash(place),
    };
    const payload = encodeOrderMessage(message);
    const signature = key.sign('order', payload);
    const signed = encodePlaced({ payload, signature, place });
    const kept = encodeSigned({ payload, signature });
    return {
      name,
      message,
      at,
      place,
      payload,
      hash: payloadHash(payload),
      signature,
      signed,
      kept,
    };
  });
  return {
    purpose: 'order',
    seed: readable(seed),
    publicKey: key.publicKey,
    vectors: readable(vectors),
  };
}

const files = {
  'frame.json': signedVectors('frame', frames, encodeFrame),
  'heads.json': signedVectors('heads', heads, encodeHeads),
  'order-message.json': signedVectors('order', orders, encodeOrderMessage),
  'placed-order-message.json': placedVectors(),
  'control.json': {
    vectors: Object.entries(controls).map(([name, message]) =>
      readable({ name, message, bytes: encodeControl(message) }),
    ),
  },
  'frames-request.json': {
    vectors: Object.entries(requests).map(([name, message]) =>
      readable({ name, message, bytes: encodeFramesRequest(message) }),
    ),
  },
};

const folder = new URL('./vectors/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, content] of Object.entries(files)) {
  await writeFile(new URL(name, folder), `${JSON.stringify(content, null, 2)}\n`);
}
