import type { Head, MemberId, VenueId } from '@stoa/schema';

/** After so long without the frames that a head announced, whoever announced them is grafted. */
const MISS_GRACE_MS = 100;
/** An edge that was pruned is not grafted again at once: the two would take turns for ever. */
const REST_AFTER_PRUNE_MS = 1_000;
/** While nobody has delivered yet, so many are asked; the first one stays. */
const FIRST_PARENTS = 2;
/** More relays than this serve nobody: the one that was asked first is let go. */
const MAX_PARENTS = 3;

export interface TreePeer {
  readonly id: string;
  readonly member: MemberId;
}

interface BroadcastTreeNeeds {
  /** Milliseconds of a clock that only rises. */
  now(): number;
  /** Whether the venue itself has a quote stream to this node. */
  isDirect(venue: VenueId): boolean;
  /** Whether a head names more than this node has. */
  isAhead(head: Head): boolean;
  /** Whether this is a venue that may be heard. */
  isVenue(venue: VenueId): boolean;
  /** Sends to a peer; lost when its buffer is full, which the next head makes good. */
  graft(peer: string, venue: VenueId): void;
  prune(peer: string, venue: VenueId): void;
}

/** How one venue's frames come to this node when the venue itself does not bring them. */
interface Upstream {
  /** Peers that were asked to pass frames on, in the order they were asked. */
  readonly parents: Set<string>;
  /** Who brought the latest frame first. */
  source: string | undefined;
  /** Who says to have what, among the peers. */
  readonly announced: Map<string, Head>;
  readonly restingUntilMs: Map<string, number>;
  /** Announced and not here, since when. */
  miss: { readonly head: Head; readonly sinceMs: number } | undefined;
}

/**
 * One broadcast tree per venue, grown by demand: Plumtree (Leitão, Pereira, Rodrigues 2007), with the
 * edges from a venue to the members it is connected to fixed, and all others lazy until asked for.
 *
 * Whoever has no stream from a venue grafts up to two peers that announce its frames; the first to
 * deliver stays, a duplicate prunes the edge that brought it, and an announcement that nothing follows
 * grafts the announcer. The venue's own edge is never pruned, even if a relay is quicker: it is the
 * one that no third party can slow down or cut.
 *
 * Plain bookkeeping: no clock and no network of its own; as large as peers × venues.
 */
export class BroadcastTree {
  readonly #self: MemberId;
  readonly #needs: BroadcastTreeNeeds;
  readonly #peers = new Map<string, TreePeer>();
  readonly #children = new Map<VenueId, Set<string>>();
  readonly #upstreams = new Map<VenueId, Upstream>();

  constructor(self: MemberId, needs: BroadcastTreeNeeds) {
    this.#self = self;
    this.#needs = needs;
  }

  /** A peer understands grafts, and can be asked. */
  peerUp(peer: TreePeer): void {
    this.#peers.set(peer.id, peer);
  }

  /** A peer is gone: what came through it is asked for elsewhere at once. */
  peerDown(id: string): void {
    this.#peers.delete(id);
    for (const children of this.#children.values()) children.delete(id);
    for (const [venue, upstream] of this.#upstreams) {
      upstream.announced.delete(id);
      upstream.restingUntilMs.delete(id);
      if (upstream.source === id) upstream.source = undefined;
      if (upstream.parents.delete(id)) this.#seek(venue, upstream);
    }
  }

  /** The venue's own stream is gone. */
  directDown(venue: VenueId): void {
    if (venue !== this.#self) this.#seek(venue, this.#upstream(venue));
  }

  /** A peer asks to be passed a venue's frames; a stranger's name, or its own, is not for asking. */
  onGraft(id: string, venue: VenueId): void {
    const peer = this.#peers.get(id);
    if (!peer || peer.member === venue || venue === this.#self) return;
    if (!this.#needs.isVenue(venue)) return;
    const children = this.#children.get(venue) ?? new Set();
    children.add(id);
    this.#children.set(venue, children);
  }

  onPrune(id: string, venue: VenueId): void {
    this.#children.get(venue)?.delete(id);
  }

  /** Takes in what a peer says it has. */
  onHead(id: string, head: Head): void {
    const { venue } = head;
    const peer = this.#peers.get(id);
    if (!peer || venue === this.#self || !this.#needs.isVenue(venue)) return;
    const upstream = this.#upstream(venue);
    upstream.announced.set(id, head);
    const waitsFor = upstream.miss?.head;
    const isWaiting = waitsFor !== undefined && this.#needs.isAhead(waitsFor);
    if (!isWaiting && this.#needs.isAhead(head)) {
      upstream.miss = { head, sinceMs: this.#needs.now() };
    }
    const isServed = this.#needs.isDirect(venue) || upstream.source !== undefined;
    if (!isServed && upstream.parents.size < FIRST_PARENTS) this.#graft(id, venue, upstream);
  }

  /** A peer pushed a frame that was new here. */
  onFirst(id: string, member: MemberId, venue: VenueId): void {
    if (venue === this.#self) return;
    const upstream = this.#upstream(venue);
    if (member === venue) this.#pruneAll(venue, upstream);
    else upstream.source = id;
  }

  /** A peer pushed a frame that was here already. */
  onDuplicate(id: string, member: MemberId, venue: VenueId): void {
    if (venue === this.#self) return;
    const upstream = this.#upstream(venue);
    // The venue's own copy may come second, and still tells that its edge lives.
    if (member === venue) this.#pruneAll(venue, upstream);
    // Without another source the copy met a frame that was pulled meanwhile: the edge is needed.
    else if (upstream.source !== id && (upstream.source || this.#needs.isDirect(venue))) {
      this.#prune(id, venue, upstream);
    }
  }

  /** Grafts whoever announced what has not come; to be called several times a second. */
  tick(): void {
    const nowMs = this.#needs.now();
    for (const [venue, upstream] of this.#upstreams) {
      const { miss } = upstream;
      if (!miss || nowMs - miss.sinceMs < MISS_GRACE_MS) continue;
      upstream.miss = undefined;
      if (!this.#needs.isAhead(miss.head)) continue;
      this.#seek(venue, upstream);
    }
  }

  /** Peers that a venue's frame is to be passed on to. */
  children(venue: VenueId, exceptPeer: string): string[] {
    return [...(this.#children.get(venue) ?? [])].filter((id) => id !== exceptPeer);
  }

  /** Peers that were asked for a venue's frames. */
  parents(venue: VenueId): string[] {
    return [...(this.#upstreams.get(venue)?.parents ?? [])];
  }

  /** Forgets venues that left the network. */
  retain(isVenue: (venue: VenueId) => boolean): void {
    for (const venue of this.#children.keys()) if (!isVenue(venue)) this.#children.delete(venue);
    for (const venue of this.#upstreams.keys()) {
      if (!isVenue(venue)) this.#upstreams.delete(venue);
    }
  }

  /**
   * Grafts the peers that have most. Last come those that were pruned a moment ago, and before them
   * children: what they have they may have from here.
   */
  #seek(venue: VenueId, upstream: Upstream): void {
    const isChild = (id: string) => Number(this.#children.get(venue)?.has(id) ?? false);
    const isResting = (id: string) => Number(this.#isResting(id, upstream));
    const candidates = [...upstream.announced]
      .filter(([id]) => !upstream.parents.has(id))
      .sort(
        ([id, head], [otherId, other]) =>
          isResting(id) - isResting(otherId) ||
          isChild(id) - isChild(otherId) ||
          other.epoch - head.epoch ||
          other.sequence - head.sequence,
      );
    const wanted = Math.max(1, FIRST_PARENTS - upstream.parents.size);
    let grafted = 0;
    for (const [id] of candidates) {
      if (grafted === wanted) return;
      if (this.#graft(id, venue, upstream)) grafted += 1;
    }
    // Nobody else to ask: a graft may have been lost, and to say it twice does no harm.
    if (grafted === 0) for (const id of upstream.parents) this.#needs.graft(id, venue);
  }

  #graft(id: string, venue: VenueId, upstream: Upstream): boolean {
    if (upstream.parents.has(id) || !this.#peers.has(id)) return false;
    // With no other edge there is nothing to take turns with.
    if (upstream.parents.size > 0 && this.#isResting(id, upstream)) return false;
    upstream.parents.add(id);
    this.#needs.graft(id, venue);
    // Whoever announces what nobody has must not drive out the one that delivers.
    const oldest = [...upstream.parents].find((parent) => parent !== upstream.source);
    if (upstream.parents.size > MAX_PARENTS && oldest) this.#prune(oldest, venue, upstream);
    return true;
  }

  #prune(id: string, venue: VenueId, upstream: Upstream): void {
    const wasParent = upstream.parents.delete(id);
    // Frames that were on their way already are no reason to say it again.
    if (!wasParent && this.#isResting(id, upstream)) return;
    upstream.restingUntilMs.set(id, this.#needs.now() + REST_AFTER_PRUNE_MS);
    if (upstream.source === id) upstream.source = undefined;
    this.#needs.prune(id, venue);
  }

  #isResting(id: string, upstream: Upstream): boolean {
    return (upstream.restingUntilMs.get(id) ?? 0) > this.#needs.now();
  }

  #pruneAll(venue: VenueId, upstream: Upstream): void {
    upstream.source = undefined;
    for (const id of upstream.parents) this.#prune(id, venue, upstream);
  }

  #upstream(venue: VenueId): Upstream {
    const known = this.#upstreams.get(venue);
    if (known) return known;
    const upstream: Upstream = {
      parents: new Set(),
      source: undefined,
      announced: new Map(),
      restingUntilMs: new Map(),
      miss: undefined,
    };
    this.#upstreams.set(venue, upstream);
    return upstream;
  }
}
