import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import { peerIdFromPublicKey } from '@libp2p/peer-id';

/** The libp2p peer id of a node key, as multiaddrs write it after `/p2p/`; takes the public key in hex. */
export function peerIdOf(publicKey: string): string {
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(publicKey, 'hex'))).toString();
}
