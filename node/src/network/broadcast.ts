import {
  type DirectorySource,
  type Head,
  isStanding,
  type MemberId,
  type ProofBytes,
  type VenueId,
} from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import { BroadcastTree } from './broadcast-tree.ts';
import { createControlStreams } from './control-streams.ts';
import type { ConnectedPeer, Host } from './host.ts';
import { createProofGossip, type NamedProof } from './proof-gossip.ts';
import { createQuoteStreams } from './quote-streams.ts';

const TICK_MS = 50;

/** What a pushed frame was to this node. */
export interface FrameOutcome {
  /** New and the venue's own word; here already; or of no use. */
  readonly standing: 'first' | 'repeat' | 'useless';
  /** Whose frame it is; absent where that is not certain. */
  readonly venue?: VenueId | undefined;
}

/** How frames and proofs get from node to node. */
export interface Broadcast {
  /** Pushes a SignedFrame of this node to every peer. */
  readonly publish: (frame: Uint8Array) => void;
  /** Takes in what a member says it has: who misses frames, or a way to them, asks for it. */
  onHeads(member: MemberId, heads: readonly Head[]): void;
  /** There is a new proof: every peer gets it. */
  readonly spreadProofs: () => void;
  /** Members that frames are exchanged with. */
  readonly connected: () => MemberId[];
  start(): void;
  stop(): void;
}

export interface BroadcastNeeds {
  readonly host: Host;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Judges a frame that a peer pushed. */
  onFrame(peer: ConnectedPeer, bytes: Uint8Array): FrameOutcome;
  /** Judges a proof that a peer brought. */
  onProof(peer: ConnectedPeer, proof: ProofBytes): void;
  /** Whether a head names more than this node has. */
  readonly isAhead: (head: Head) => boolean;
  readonly proofs: () => Iterable<NamedProof>;
  /** Notes that a member sent what no honest node sends. */
  charge(member: MemberId, code: string): void;
}

/** Joins quote streams, control streams and the trees that grow over them. */
export function createBroadcast(member: MemberId, needs: BroadcastNeeds): Broadcast {
  const { host, logger, directory, registry } = needs;
  const count = createCounters(registry);
  const isVenue = (id: MemberId): boolean => {
    const found = directory.current().members.get(id);
    return found?.kind === 'venue' && isStanding(found);
  };
  const charge = (peer: ConnectedPeer, code: string): void => needs.charge(peer.member, code);
  const tree = new BroadcastTree(member, {
    ...{ isVenue, isAhead: needs.isAhead, now: () => performance.now() },
    isDirect: (venue) => quotes.connected().includes(venue),
    graft(peer, venue) {
      count.control('graft');
      control.graft(peer, venue);
    },
    prune(peer, venue) {
      count.control('prune');
      control.prune(peer, venue);
    },
  });
  const quotes = createQuoteStreams({
    ...{ host, logger, registry, charge },
    onFrame(peer, bytes) {
      const outcome = needs.onFrame(peer, bytes);
      const children = follow(tree, peer, outcome);
      for (const child of children) quotes.pushTo(child, bytes);
      count.relayed(children.length);
      return outcome.standing === 'first';
    },
    onLink(peer, up) {
      if (!up && isVenue(peer.member)) tree.directDown(peer.member);
    },
  });
  const control = createControlStreams({
    ...{ host, logger, charge },
    onControl(peer, said) {
      for (const venue of said.graft) tree.onGraft(peer.id, venue);
      for (const venue of said.prune) tree.onPrune(peer.id, venue);
      if (said.proof) needs.onProof(peer, said.proof);
    },
    onLink(peer, up) {
      if (up) tree.peerUp(peer);
      else tree.peerDown(peer.id);
      if (up) proofs.spread();
      else proofs.peerDown(peer.id);
    },
  });
  const proofs = createProofGossip({
    ...{ proofs: needs.proofs, send: control.sendProof },
    peers: () => control.peers().map(({ id }) => id),
  });
  const stopFollowing = directory.onChange(() => tree.retain(isVenue));
  let timer: NodeJS.Timeout | undefined;

  return {
    ...{ publish: quotes.push, connected: quotes.connected, spreadProofs: proofs.spread },
    onHeads(from, heads) {
      const peers = control.peers().filter((peer) => peer.member === from);
      for (const { id } of peers) for (const head of heads) tree.onHead(id, head);
    },
    start() {
      timer = setInterval(() => tree.tick(), TICK_MS);
      proofs.start();
    },
    stop() {
      clearInterval(timer);
      stopFollowing();
      for (const part of [proofs, control, quotes]) part.stop();
    },
  };
}

/** Tells the tree of a frame, and gives the peers that it is to be passed on to. */
function follow(tree: BroadcastTree, from: ConnectedPeer, outcome: FrameOutcome): string[] {
  const { standing, venue } = outcome;
  if (venue === undefined || standing === 'useless') return [];
  if (standing === 'repeat') {
    tree.onDuplicate(from.id, from.member, venue);
    return [];
  }
  tree.onFirst(from.id, from.member, venue);
  return tree.children(venue, from.id);
}

function createCounters(registry: Registry) {
  const relayed = new Counter({
    name: 'stoa_frames_relayed_total',
    help: 'Frames of others that this node passed on to peers that asked for them.',
    registers: [registry],
  });
  const control = new Counter({
    name: 'stoa_tree_changes_total',
    help: 'Edges of broadcast trees that this node asked for or let go.',
    labelNames: ['change'],
    registers: [registry],
  });
  return {
    relayed: (frames: number) => relayed.inc(frames),
    control: (change: 'graft' | 'prune') => control.inc({ change }),
  };
}
