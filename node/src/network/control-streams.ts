import {
  type Control,
  decodeControl,
  encodeControl,
  isRefusal,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_VENUES,
  type ProofBytes,
  type VenueId,
  WIRE_VERSION,
} from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import type { ConnectedPeer, Host } from './host.ts';
import { createPeerLinks, type PeerLink } from './peer-links.ts';
import { UselessBudget } from './useless-budget.ts';

/** Grafts, prunes and proofs. A protocol of its own, so that nodes without it are spared them. */
const CONTROL_PROTOCOL = '/stoa/control/1';
const MAX_BUFFERED_BYTES = 1_048_576;
/** Control is rare: so many messages at once, and so many a second, are more than a node ever needs. */
const MESSAGE_BUDGET = { burst: 256, perSecond: 20, pauseAboveBytes: 262_144 };

/** What neighbours tell each other beside the frames. */
export interface ControlStreams {
  /** Asks a peer for a venue's frames; leaves with what else is said to it in the same turn. */
  graft(peer: string, venue: VenueId): void;
  prune(peer: string, venue: VenueId): void;
  /** False when the peer's buffer is full. */
  readonly sendProof: (peer: string, proof: ProofBytes) => boolean;
  /** Peers that understand control messages. */
  peers(): ConnectedPeer[];
  stop(): void;
}

interface ControlStreamsNeeds {
  readonly host: Host;
  readonly logger: Logger;
  onLink(peer: ConnectedPeer, up: boolean): void;
  onControl(peer: ConnectedPeer, control: Control): void;
  /** Notes that a peer sent what no honest node sends. */
  charge(peer: ConnectedPeer, code: string): void;
}

/** Opens the control streams. */
export function createControlStreams(needs: ControlStreamsNeeds): ControlStreams {
  const budgets = new Map<string, UselessBudget>();
  const pending = new Map<string, Map<VenueId, 'graft' | 'prune'>>();

  const receive = (peer: ConnectedPeer, message: Uint8Array): void => {
    const control = decodeControl(message);
    if (isRefusal(control)) {
      needs.logger.debug({ member: peer.member, code: control.code }, 'control message refused');
      needs.charge(peer, control.code);
      // A later version is no offence, and not for us.
    } else if (control.version === WIRE_VERSION) needs.onControl(peer, control);
  };

  const links = createPeerLinks(
    {
      protocol: CONTROL_PROTOCOL,
      maxMessageBytes: MAX_CONTROL_BYTES,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
    },
    {
      host: needs.host,
      logger: needs.logger,
      onMessage: (link, message) => budgets.get(link.peer.id)?.offer(message),
      onTooLong: (peer) => needs.charge(peer, 'CONTROL_TOO_LARGE'),
      onLink: (link, up) => {
        budgets.get(link.peer.id)?.stop();
        budgets.delete(link.peer.id);
        if (up) budgets.set(link.peer.id, budgetOf(link, receive));
        needs.onLink(link.peer, up);
      },
    },
  );

  const flush = (): void => {
    for (const [peer, said] of pending) {
      pending.delete(peer);
      const venuesOf = (what: string) =>
        [...said].filter(([, one]) => one === what).map(([v]) => v);
      const [graft, prune] = [venuesOf('graft'), venuesOf('prune')];
      for (let at = 0; at < Math.max(graft.length, prune.length); at += MAX_CONTROL_VENUES) {
        const part = (venues: VenueId[]) => venues.slice(at, at + MAX_CONTROL_VENUES);
        const control = { version: WIRE_VERSION, graft: part(graft), prune: part(prune) };
        links.toPeer(peer)?.send(encodeControl(control));
      }
    }
  };
  const say = (peer: string, venue: VenueId, what: 'graft' | 'prune'): void => {
    if (pending.size === 0) queueMicrotask(flush);
    const said = pending.get(peer) ?? new Map<VenueId, 'graft' | 'prune'>();
    pending.set(peer, said.set(venue, what));
  };

  return {
    graft: (peer, venue) => say(peer, venue, 'graft'),
    prune: (peer, venue) => say(peer, venue, 'prune'),
    sendProof(peer, proof) {
      const control = { version: WIRE_VERSION, graft: [], prune: [], proof };
      return links.toPeer(peer)?.send(encodeControl(control)) ?? false;
    },
    peers: () => links.all().map((link) => link.peer),
    stop() {
      links.stop();
      for (const budget of budgets.values()) budget.stop();
    },
  };
}

function budgetOf(
  link: PeerLink,
  receive: (peer: ConnectedPeer, message: Uint8Array) => void,
): UselessBudget {
  return new UselessBudget(MESSAGE_BUDGET, {
    take(message) {
      receive(link.peer, message);
      // Every message counts: a proof costs two signature checks, whatever it proves.
      return false;
    },
    pause: () => link.pause(),
    resume: () => link.resume(),
    now: () => performance.now(),
  });
}
