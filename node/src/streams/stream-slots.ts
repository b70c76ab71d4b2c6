/** How many streams may be open. */
export interface StreamSlotLimits {
  readonly maxStreams: number;
  /** Of one client: a member, or, without a token, an address. */
  readonly maxStreamsPerClient: number;
}

/** Counts the open streams of a server, of all clients and of each. */
export interface StreamSlots {
  /** Takes a slot: what gives it back, once, or which bound is reached. */
  take(client: string): (() => void) | { readonly full: 'server' | 'client' };
  count(): number;
}

/** Creates {@link StreamSlots}. */
export function createStreamSlots({
  maxStreams,
  maxStreamsPerClient,
}: StreamSlotLimits): StreamSlots {
  const byClient = new Map<string, number>();
  let open = 0;
  return {
    take(client) {
      const own = byClient.get(client) ?? 0;
      if (open >= maxStreams) return { full: 'server' };
      if (own >= maxStreamsPerClient) return { full: 'client' };
      open += 1;
      byClient.set(client, own + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        open -= 1;
        const left = (byClient.get(client) ?? 1) - 1;
        if (left > 0) byClient.set(client, left);
        else byClient.delete(client);
      };
    },
    count: () => open,
  };
}
