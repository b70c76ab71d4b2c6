import type { ProofBytes } from '@stoa/schema';

/** A peer whose buffer was full gets the proof a little later. */
const RETRY_MS = 1_000;
/** Names of proofs that are remembered per peer: far more than anybody keeps. */
const MAX_REMEMBERED = 4_096;

/** Two frames, under a name that is the same at every node. */
export interface NamedProof extends ProofBytes {
  readonly name: string;
}

/** Brings every proof to every peer, once. */
export interface ProofGossip {
  /** Something is new: sends to each peer what it was not sent yet. */
  readonly spread: () => void;
  peerDown(peer: string): void;
  start(): void;
  stop(): void;
}

interface ProofGossipNeeds {
  /** All proofs this node keeps, which are few. */
  proofs(): Iterable<NamedProof>;
  /** Peers to bring them to. */
  peers(): Iterable<string>;
  /** False when the peer's buffer is full. */
  send(peer: string, proof: ProofBytes): boolean;
}

/**
 * Floods proofs over the control streams: they are rare, small in number and must reach everybody, a
 * late joiner too, so no tree is worth its edges here. Each connection carries a proof at most once in
 * each direction, so a flood ends.
 */
export function createProofGossip(needs: ProofGossipNeeds): ProofGossip {
  const sent = new Map<string, Set<string>>();
  let timer: NodeJS.Timeout | undefined;
  const bring = (peer: string, { name, first, second }: NamedProof): void => {
    const names = sent.get(peer) ?? new Set<string>();
    sent.set(peer, names);
    if (names.has(name) || !needs.send(peer, { first, second })) return;
    names.add(name);
    const [oldest] = names;
    if (names.size > MAX_REMEMBERED && oldest !== undefined) names.delete(oldest);
  };
  const spread = (): void => {
    for (const proof of needs.proofs()) for (const peer of needs.peers()) bring(peer, proof);
  };
  return {
    spread,
    peerDown: (peer) => void sent.delete(peer),
    start() {
      timer = setInterval(spread, RETRY_MS);
    },
    stop: () => clearInterval(timer),
  };
}
