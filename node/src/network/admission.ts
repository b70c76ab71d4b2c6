import type { ConnectionGater, PeerId } from '@libp2p/interface';
import {
  type Directory,
  type DirectorySource,
  isStanding,
  isWithin,
  type MemberId,
  type ValidityWindow,
} from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../telemetry/logger.ts';
import { peerIdOf } from './peer-id.ts';

/** Who may connect: the members of the on-chain registry, and nobody else. */
export interface Admission {
  /** The standing member whose node key this is now; undefined for everybody else and the banned. */
  memberOf(publicKey: string): MemberId | undefined;
  /** The same for a libp2p identity, which is its node key. */
  memberOfPeer(peer: PeerId): MemberId | undefined;
  /** All keys under which the member with this identity may appear now, as libp2p identities. */
  identitiesOf(peer: PeerId): string[];
  /** What libp2p asks before it dials, and once the other side has proven its key. */
  readonly gater: ConnectionGater;
  stop(): void;
}

interface AdmissionNeeds {
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Unix milliseconds. */
  now(): number;
  /** Members that are not spoken with for a while, whatever the registry says. */
  isBanned?(member: MemberId): boolean;
}

/** Deny by default: a key that the directory does not name for a standing member is refused. */
export function createAdmission(ownPublicKey: string, needs: AdmissionNeeds): Admission {
  let keys = keysOf(needs.directory.current());
  const stopWatching = needs.directory.onChange((directory) => {
    keys = keysOf(directory);
  });
  const refusals = new Counter({
    name: 'stoa_connections_refused_total',
    help: 'Connections refused because the other side is no standing member.',
    labelNames: ['direction'],
    registers: [needs.registry],
  });
  const memberOf = (publicKey: string): MemberId | undefined => {
    // A second node under our own key would equivocate for us.
    if (publicKey === ownPublicKey) return undefined;
    const atSeconds = Math.floor(needs.now() / 1_000);
    const member = keys.get(publicKey)?.find(({ window }) => isWithin(window, atSeconds))?.member;
    return member !== undefined && needs.isBanned?.(member) ? undefined : member;
  };
  const memberOfPeer = (peer: PeerId): MemberId | undefined => {
    const publicKey = publicKeyOf(peer);
    return publicKey === undefined ? undefined : memberOf(publicKey);
  };
  const denies = (direction: 'inbound' | 'outbound') => (peer: PeerId) => {
    if (memberOfPeer(peer) !== undefined) return false;
    refusals.inc({ direction });
    needs.logger.debug({ peer: peer.toString(), direction }, 'connection refused: no member');
    return true;
  };
  return {
    memberOf,
    memberOfPeer,
    identitiesOf(peer) {
      const publicKey = publicKeyOf(peer);
      const members = [...needs.directory.current().members.values()];
      const atSeconds = Math.floor(needs.now() / 1_000);
      // A key whose window has ended still tells whose node stands at the address it came with.
      return members
        .filter((member) => member.nodeKeys.some(({ key }) => key === publicKey))
        .flatMap((member) => member.nodeKeys.filter((window) => isWithin(window, atSeconds)))
        .map(({ key }) => peerIdOf(key));
    },
    gater: {
      denyDialPeer: (peer) => memberOfPeer(peer) === undefined,
      // The first points at which the other side's key is proven, before any stream exists.
      denyInboundEncryptedConnection: denies('inbound'),
      denyOutboundEncryptedConnection: denies('outbound'),
    },
    stop: stopWatching,
  };
}

/** The Ed25519 public key of a libp2p identity, in hex; undefined for another kind of key. */
function publicKeyOf(peer: PeerId): string | undefined {
  if (peer.type !== 'Ed25519') return undefined;
  return Buffer.from(peer.publicKey.raw).toString('hex');
}

function keysOf(directory: Directory) {
  const keys = new Map<string, { member: MemberId; window: ValidityWindow }[]>();
  for (const member of directory.members.values()) {
    if (!isStanding(member)) continue;
    for (const window of member.nodeKeys) {
      const holders = keys.get(window.key) ?? [];
      holders.push({ member: member.id, window });
      keys.set(window.key, holders);
    }
  }
  return keys;
}
