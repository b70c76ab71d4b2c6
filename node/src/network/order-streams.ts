import { MAX_ORDER_MESSAGE_BYTES, type MemberId } from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import type { Host } from './host.ts';
import type { OrderLinks } from './order-links.ts';
import { createPeerLinks, type PeerLink } from './peer-links.ts';

/** Order sessions between members' nodes. */
const ORDERS_PROTOCOL = '/stoa/orders/2';
const MAX_BUFFERED_BYTES = 4_194_304;
/** Arrived and not yet handled: beyond this the other side is asked to wait. */
const PAUSE_ABOVE_BYTES = 524_288;

/** Messages of one link that wait for the handler. */
interface Inbox {
  readonly messages: Uint8Array[];
  bytes: number;
  busy: boolean;
}

type MessageHandler = Parameters<OrderLinks['onMessage']>[0];
type LinkHandler = Parameters<OrderLinks['onLink']>[0];

/** {@link OrderLinks} over libp2p streams. */
export function createOrderStreams(needs: {
  readonly host: Host;
  readonly logger: Logger;
}): OrderLinks & { stop(): void } {
  const inboxes = new Map<PeerLink, Inbox>();
  let handleMessage: MessageHandler | undefined;
  let handleLink: LinkHandler | undefined;

  const links = createPeerLinks(
    {
      protocol: ORDERS_PROTOCOL,
      // The signature and the field headers stand around the payload.
      maxMessageBytes: MAX_ORDER_MESSAGE_BYTES + 128,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
    },
    {
      host: needs.host,
      logger: needs.logger,
      onMessage: (link, message) => {
        const inbox = inboxes.get(link);
        if (!inbox) return;
        inbox.messages.push(message);
        inbox.bytes += message.length;
        if (inbox.bytes > PAUSE_ABOVE_BYTES) link.pause();
        void work(link, inbox);
      },
      onLink: (link, up) => {
        if (up) inboxes.set(link, { messages: [], bytes: 0, busy: false });
        else inboxes.delete(link);
        handleLink?.(link.peer.member, up);
      },
    },
  );

  const work = async (link: PeerLink, inbox: Inbox): Promise<void> => {
    if (inbox.busy || !handleMessage) return;
    inbox.busy = true;
    // A link that went down is heard no more: its messages were not acknowledged and come again.
    for (let next = inbox.messages.shift(); next; next = inbox.messages.shift()) {
      try {
        if (inboxes.get(link) === inbox) await handleMessage(link.peer.member, next);
      } catch (error) {
        // What was not recorded must come again, and a new stream makes both sides exchange numbers.
        needs.logger.error({ member: link.peer.member, err: error }, 'order message not handled');
        link.abort(new Error('a message could not be handled'));
      }
      inbox.bytes -= next.length;
      if (inbox.bytes <= PAUSE_ABOVE_BYTES / 2) link.resume();
    }
    inbox.busy = false;
  };

  return {
    send: (member, bytes) => links.to(member)?.send(bytes) ?? false,
    connected: () => [...new Set(links.all().map((link) => link.peer.member))],
    onMessage(handler) {
      handleMessage = handler;
      for (const [link, inbox] of inboxes) void work(link, inbox);
    },
    onLink(handler) {
      handleLink = handler;
      const up: MemberId[] = links.all().map((link) => link.peer.member);
      for (const member of up) handler(member, true);
    },
    stop: () => links.stop(),
  };
}
