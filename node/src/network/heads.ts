import { TopicValidatorResult } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import {
  type DirectorySource,
  decodeHeads,
  decodeSigned,
  encodeHeads,
  encodeSigned,
  type Head,
  type Heads,
  isRefusal,
  isStanding,
  isWithin,
  MAX_HEADS_BYTES,
  type Member,
  type MemberId,
  type NodeKey,
  type SignedBytes,
  type Verifier,
  WIRE_VERSION,
} from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import type { Host } from './host.ts';

/** The gossipsub topic of signed heads. */
const HEADS_TOPIC = 'stoa/heads/1';
/** Heads of one member that come closer together say nothing more, and are not passed on. */
const MIN_INTERVAL_MS = 50;

export interface HeadsOptions {
  readonly member: MemberId;
  readonly nodeKey: NodeKey;
  readonly intervalMs: number;
  readonly maxClockSkewMs: number;
}

interface HeadsNeeds {
  readonly host: Host;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly verifier: (publicKey: string) => Verifier;
  now(): number;
  /** What this node has. */
  heads(): readonly Head[];
  /** What another node says it has; it may lie, so it is a reason to ask and no more. */
  onHeads(member: MemberId, heads: readonly Head[]): void;
  /** Notes that a peer passed on what no honest node sends: validators run before it relays. */
  charge(peer: PeerId, code: string): void;
}

/** What was decided about heads, in gossipsub's three words, with its reason. */
type HeadsVerdict =
  | { readonly verdict: 'accept'; readonly heads: Heads }
  | { readonly verdict: 'ignore' | 'reject'; readonly code: string };

/** Gossips what this node has of each venue, and hears what others have. */
export function createHeadsGossip(
  options: HeadsOptions,
  needs: HeadsNeeds,
): { start(): void; stop(): void } {
  const counter = new Counter({
    name: 'stoa_heads_judged_total',
    help: 'Heads messages by what was decided about them.',
    labelNames: ['verdict', 'code'],
    registers: [needs.registry],
  });
  const latest = new Map<MemberId, number>();
  let timer: NodeJS.Timeout | undefined;
  let lastSentAtMs = 0;

  const receive = (peer: PeerId, bytes: Uint8Array): TopicValidatorResult => {
    const verdict = judgeHeads(bytes, options, needs, latest);
    counter.inc({
      verdict: verdict.verdict,
      code: verdict.verdict === 'accept' ? 'OK' : verdict.code,
    });
    if (verdict.verdict === 'accept') {
      latest.set(verdict.heads.member, verdict.heads.sentAtMs);
      needs.onHeads(verdict.heads.member, verdict.heads.heads);
      return TopicValidatorResult.Accept;
    }
    needs.logger.debug({ code: verdict.code }, 'heads not accepted');
    if (verdict.verdict === 'ignore') return TopicValidatorResult.Ignore;
    needs.charge(peer, verdict.code);
    return TopicValidatorResult.Reject;
  };

  const send = (): void => {
    // Rises by at least one, so that no two messages of ours are ever the same bytes.
    lastSentAtMs = Math.max(needs.now(), lastSentAtMs + 1);
    const payload = encodeHeads({
      version: WIRE_VERSION,
      member: options.member,
      sentAtMs: lastSentAtMs,
      heads: needs.heads(),
    });
    const signature = options.nodeKey.sign('heads', payload);
    needs.host
      .pubsub()
      .publish(HEADS_TOPIC, encodeSigned({ payload, signature }))
      .catch((error: unknown) => {
        needs.logger.debug({ reason: String(error) }, 'heads not published');
      });
  };

  return {
    start() {
      const pubsub = needs.host.pubsub();
      // Validators run before a message is passed on: nobody relays heads that are not signed.
      pubsub.topicValidators.set(HEADS_TOPIC, (peer, message) => receive(peer, message.data));
      pubsub.subscribe(HEADS_TOPIC);
      timer = setInterval(send, options.intervalMs);
    },
    stop: () => clearInterval(timer),
  };
}

function judgeHeads(
  bytes: Uint8Array,
  options: HeadsOptions,
  needs: HeadsNeeds,
  latest: ReadonlyMap<MemberId, number>,
): HeadsVerdict {
  const signed = decodeSigned(bytes, MAX_HEADS_BYTES);
  if (isRefusal(signed)) return { verdict: 'reject', code: signed.code };
  const heads = decodeHeads(signed.payload);
  if (isRefusal(heads)) return { verdict: 'reject', code: heads.code };
  // A later version is no offence: it is not for us.
  if (heads.version !== WIRE_VERSION) return { verdict: 'ignore', code: 'HEADS_VERSION_UNKNOWN' };
  if (heads.member === options.member) return { verdict: 'ignore', code: 'OWN_HEADS' };
  const member = needs.directory.current().members.get(heads.member);
  if (!member || !isStanding(member)) return { verdict: 'ignore', code: 'MEMBER_NOT_STANDING' };
  const now = needs.now();
  // Replays and stragglers: the latest heads of a member are the only ones that say anything. Before
  // the signature, which costs a hundred times as much: to ignore a forgery changes nothing.
  if (heads.sentAtMs < (latest.get(heads.member) ?? 0) + MIN_INTERVAL_MS) {
    return { verdict: 'ignore', code: 'HEADS_OLD' };
  }
  if (Math.abs(now - heads.sentAtMs) > options.maxClockSkewMs * 2) {
    return { verdict: 'ignore', code: 'HEADS_OUT_OF_TIME' };
  }
  if (!isSignedBy(member, signed, now, needs.verifier)) {
    return { verdict: 'reject', code: 'SIGNATURE_INVALID' };
  }
  return { verdict: 'accept', heads };
}

function isSignedBy(
  member: Member,
  signed: SignedBytes,
  nowMs: number,
  verifier: (publicKey: string) => Verifier,
): boolean {
  const atSeconds = Math.floor(nowMs / 1_000);
  return member.nodeKeys.some(
    (window) =>
      isWithin(window, atSeconds) &&
      verifier(window.key)('heads', signed.payload, signed.signature),
  );
}
