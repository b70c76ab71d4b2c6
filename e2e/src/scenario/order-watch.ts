/** One step of a stream of order events, as the API gives it. */
export interface OrderUpdateAnswer {
  readonly sequence: number;
  readonly event: {
    readonly kind: string;
    readonly orderId: string;
    readonly executionId: string | null;
    readonly quantity: string | null;
    readonly status: string;
  } | null;
}

/** A stream of the caller's order events, as far as it has come. */
export interface OrderWatch {
  readonly updates: readonly OrderUpdateAnswer[];
  /** Codes of the errors that came with it, the last of them at its end. */
  readonly errors: readonly string[];
  readonly ended: boolean;
  close(): void;
}

export const WATCH_ORDERS = `subscription ($after: SafeInt) {
  orderEvents(after: $after) { sequence event { kind orderId executionId quantity status } }
}`;

interface Payload {
  readonly data?: { readonly orderEvents?: OrderUpdateAnswer | null } | null;
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
}

/** Subscribes over HTTP as any client would: a POST that is answered as text/event-stream. */
export async function watchOrders(
  url: string,
  given: { readonly query: string; readonly token: string; readonly after?: number },
): Promise<OrderWatch> {
  const closing = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    signal: closing.signal,
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${given.token}`,
    },
    body: JSON.stringify({ query: given.query, variables: { after: given.after ?? null } }),
  });
  const watch = {
    updates: [] as OrderUpdateAnswer[],
    errors: [] as string[],
    ended: false,
    close: () => closing.abort(),
  };
  const read = async (): Promise<void> => {
    let rest = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: {')) take(JSON.parse(line.slice(6)));
    }
  };
  const take = ({ data, errors }: Payload): void => {
    if (data?.orderEvents) watch.updates.push(data.orderEvents);
    watch.errors.push(...(errors ?? []).map(({ extensions }) => extensions?.code ?? ''));
  };
  const end = (): void => {
    watch.ended = true;
  };
  // However it breaks, its reader sees that it has ended and what it was told until then.
  void read().then(end, end);
  return watch;
}
