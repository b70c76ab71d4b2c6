import {
  encodeOrderMessage,
  encodePlaced,
  encodeSessionPlace,
  type NodeKey,
  type OrderMessage,
  placeHash,
  type SessionPlace,
} from '@stoa/schema';
import { ORDER_MESSAGE_VERSION } from './session-message-check.ts';

/** A message for one session: signed with the hash of its place in it, and with the place beside it. */
export function signMessage(
  nodeKey: NodeKey,
  said: Pick<OrderMessage, 'from' | 'to' | 'sentAtMs' | 'body'>,
  at: SessionPlace,
): Uint8Array {
  const place = encodeSessionPlace(at);
  const payload = encodeOrderMessage({
    ...{ ...said, version: ORDER_MESSAGE_VERSION, number: 0, acknowledged: 0 },
    placeHash: placeHash(place),
  });
  return encodePlaced({ payload, signature: nodeKey.sign('order', payload), place });
}
