import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@stoa/adapters/seeded-random';
import { testKey } from '@stoa/node/testing/memory-directory';
import { type RawPeer, startRawPeer } from '@stoa/node/testing/raw-peer';
import { decodeSigned, encodeSigned, isRefusal, MAX_FRAME_BYTES } from '@stoa/schema';
import { serveCommands } from '../process-commands.ts';
import { directoryOf, type Place } from './network-plan.ts';

/** What a member that means harm sends: each kind at its worst for the one who gets it. */
export type FloodKind = 'garbage' | 'forged' | 'oversize' | 'replayed' | 'reordered';

export interface FloodPlan {
  readonly kind: FloodKind;
  /** Whom it is sent to. */
  readonly victim: string;
  readonly perSecond: number;
  readonly seconds: number;
}

const OVERSIZE_BYTES = 70_000;
const TICK_MS = 1;
/** Of what it hears from the venue it keeps so much, to say it again. */
const KEPT_FRAMES = 2_000;

let rogue: RawPeer | undefined;

/** Messages of a kind, without end; genuine frames are those that this peer was sent itself. */
function* messages(kind: FloodKind, heard: readonly Uint8Array[]): Generator<Uint8Array> {
  const random = seededRandom(7);
  const forger = testKey('forger');
  for (let count = 0; ; count += 1) {
    const genuine = heard.at(-1 - (count % Math.max(1, Math.min(heard.length, KEPT_FRAMES))));
    if (kind === 'garbage') yield Uint8Array.from({ length: 300 }, () => random.next() * 256);
    else if (kind === 'oversize') yield new Uint8Array(OVERSIZE_BYTES);
    else if (kind === 'forged') {
      const payload = payloadOf(genuine);
      yield encodeSigned({ payload, signature: forger.sign('frame', payload) });
    } else if (kind === 'replayed') yield heard[0] ?? new Uint8Array(1);
    else yield genuine ?? new Uint8Array(1);
  }
}

/** What a venue said, with one byte changed. */
function payloadOf(genuine: Uint8Array | undefined): Uint8Array {
  const signed = genuine && decodeSigned(genuine, MAX_FRAME_BYTES);
  if (!signed || isRefusal(signed)) return new Uint8Array(300);
  const payload = Uint8Array.from(signed.payload);
  // Somewhere in the hash of the frame before: it stays well formed.
  payload[40] = (payload[40] ?? 0) ^ 1;
  return payload;
}

const commands = {
  async start(place: Place) {
    rogue = await startRawPeer(place.member, directoryOf(place), place.peers);
  },
  /** Sends at a pace; what the victim does not take is not sent. */
  async flood({ kind, victim, perSecond, seconds }: FloodPlan) {
    if (rogue === undefined) throw new Error('the rogue is not started');
    const { links, received } = rogue;
    const next = messages(kind, received);
    const begunMs = performance.now();
    let due = 0;
    let sent = 0;
    while (performance.now() - begunMs < seconds * 1_000) {
      const target = Math.floor(((performance.now() - begunMs) * perSecond) / 1_000);
      for (; due < target; due += 1) {
        const message = next.next().value;
        if (message !== undefined && links.to(victim)?.send(message)) sent += 1;
      }
      received.splice(0, received.length - KEPT_FRAMES);
      await sleep(TICK_MS);
    }
    return { offered: due, sent };
  },
};

export type RogueCommands = typeof commands;

serveCommands(commands);
