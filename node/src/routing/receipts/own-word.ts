import {
  encodeOrderMessage,
  encodeSigned,
  type NodeKey,
  type OrderMessageBody,
  type VenueId,
} from '@stoa/schema';
import { sha256Hex } from './canonical-json.ts';
import type { Evidence } from './receipt-evidence.ts';

/**
 * What this node, home and venue in one, said to itself: signed in the form in which other venues say it,
 * so that one rule judges both and anybody can check it. It never was on any session: its number is 0.
 *
 * @param sentAtMs when it was said, Unix milliseconds
 */
export function ownWord(
  body: OrderMessageBody,
  sentAtMs: number,
  { home, nodeKey }: { readonly home: VenueId; readonly nodeKey: NodeKey },
): Evidence {
  const numbers = { version: 1, number: 0, acknowledged: 0, sentAtMs };
  const payload = encodeOrderMessage({ ...numbers, from: home, to: home, body });
  const bytes = encodeSigned({ payload, signature: nodeKey.sign('order', payload) });
  return { hash: sha256Hex(bytes), kind: 'message', bytes };
}
