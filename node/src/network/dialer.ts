import type { Libp2p, PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { CodedError } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import type { Admission } from './admission.ts';

const TICK_MS = 100;
const DIAL_TIMEOUT_MS = 1_500;
const RETRY_MS = 250;
const PATIENT_RETRY_MS = 800;
/** After so many failures in a row the peer is down for longer, or does not want us. */
const IMPATIENT_ATTEMPTS = 20;
/** How often the registry is asked for other keys of the members to dial. */
const IDENTITIES_MS = 1_000;
/** How long the higher identity leaves the dialling to the lower one. */
const DEFER_MS = 600;

interface Target {
  readonly peer: PeerId;
  readonly addresses: Multiaddr[];
  apartSinceMs: number | undefined;
  nextAttemptMs: number;
  failures: number;
  inFlight: boolean;
}

/**
 * Keeps a connection to each configured peer, for ever.
 *
 * Two simultaneous connections between the same two nodes harm gossipsub when one of them is closed,
 * so the lower peer id dials at once and the higher one only when nothing came for a while: it may
 * be the only one of the two that knows an address.
 *
 * @throws CodedError `PEER_ADDRESS_INVALID` for an address without a peer id
 */
export function createDialer(
  options: { readonly peers: readonly string[] },
  needs: { readonly libp2p: Libp2p; readonly logger: Logger; readonly admission: Admission },
): { start(): void; stop(): void } {
  const { libp2p, logger } = needs;
  const targets = targetsOf(options.peers, libp2p.peerId);
  let identitiesAtMs = Number.NEGATIVE_INFINITY;
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const dial = async (target: Target): Promise<void> => {
    target.inFlight = true;
    try {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
      await libp2p.dial(target.addresses, { signal });
    } catch (error) {
      logger.debug({ peer: target.peer.toString(), reason: String(error) }, 'dial failed');
    } finally {
      // Counted as a failure until the tick sees that the connection lasts: a node that refuses us
      // lets the dial succeed and closes after it.
      target.failures += 1;
      const wait = target.failures < IMPATIENT_ATTEMPTS ? RETRY_MS : PATIENT_RETRY_MS;
      target.nextAttemptMs = performance.now() + wait;
      target.inFlight = false;
    }
  };

  const tick = (): void => {
    const now = performance.now();
    if (now - identitiesAtMs >= IDENTITIES_MS) {
      identitiesAtMs = now;
      addIdentities(targets, needs.admission, libp2p.peerId);
    }
    for (const target of targets.values()) {
      if (libp2p.getConnections(target.peer).some((one) => one.status === 'open')) {
        target.apartSinceMs = undefined;
        if (now > target.nextAttemptMs) target.failures = 0;
        continue;
      }
      target.apartSinceMs ??= now;
      const leads = libp2p.peerId.toString() < target.peer.toString();
      if (target.inFlight || now < target.nextAttemptMs) continue;
      if (leads || now - target.apartSinceMs >= DEFER_MS) void dial(target);
    }
  };

  return {
    start() {
      tick();
      timer = setInterval(tick, TICK_MS);
    },
    stop() {
      clearInterval(timer);
      stopped.abort();
    },
  };
}

function targetsOf(peers: readonly string[], own: PeerId): Map<string, Target> {
  const targets = new Map<string, Target>();
  for (const text of peers) {
    const { address, id } = parseAddress(text);
    // A list of all nodes, given to each of them alike, names the node itself too.
    if (id === own.toString()) continue;
    const known = targets.get(id);
    if (known) known.addresses.push(address);
    else targets.set(id, newTarget(id, [address]));
  }
  return targets;
}

function newTarget(id: string, addresses: Multiaddr[]): Target {
  return {
    ...{ peer: peerIdFromString(id), addresses, apartSinceMs: undefined },
    ...{ nextAttemptMs: 0, failures: 0, inFlight: false },
  };
}

/**
 * A member that changes its key is the same member at the same address: where one of its keys was
 * configured, the others that count now are dialled too.
 */
function addIdentities(targets: Map<string, Target>, admission: Admission, own: PeerId): void {
  for (const target of [...targets.values()]) {
    for (const id of admission.identitiesOf(target.peer)) {
      if (targets.has(id) || id === own.toString()) continue;
      const bare = target.addresses.map((address) =>
        address.toString().replace(/\/p2p\/[^/]+$/, ''),
      );
      targets.set(
        id,
        newTarget(
          id,
          bare.map((address) => multiaddr(`${address}/p2p/${id}`)),
        ),
      );
    }
  }
}

function parseAddress(text: string): { address: Multiaddr; id: string } {
  try {
    const address = multiaddr(text);
    const id = address.getComponents().findLast((component) => component.name === 'p2p')?.value;
    if (id !== undefined) return { address, id };
  } catch (cause) {
    throw new CodedError('PEER_ADDRESS_INVALID', `"${text}" is no multiaddr.`, { cause });
  }
  throw new CodedError('PEER_ADDRESS_INVALID', `"${text}" does not end with /p2p/ and a peer id.`);
}
