import type { MemberId } from '@stoa/schema';

/**
 * Carries order messages between members' nodes on `/stoa/orders/2`: one long-lived stream per pair.
 * It neither stores nor resends: order sessions do. The member is proven by the connection's key and
 * the registry; the message's own signature is checked by the session.
 */
export interface OrderLinks {
  /** Hands bytes (a SignedOrderMessage) to the link; false when there is none or its buffer is full. */
  send(member: MemberId, bytes: Uint8Array): boolean;
  /** Members that a link stands to now. */
  connected(): readonly MemberId[];
  /** Sets the one handler of arriving bytes, in order per member; the next waits for its promise. */
  onMessage(handler: (member: MemberId, bytes: Uint8Array) => Promise<void>): void;
  /** Sets the one handler of links that came up or went down. */
  onLink(handler: (member: MemberId, up: boolean) => void): void;
}
