import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The network between two nodes, as far as TCP sees it: it can break, and it can fall silent. */
export interface BreakableWay {
  readonly port: number;
  /** Bytes that came while it was silent and went no further. */
  readonly held: number;
  /** Breaks every connection, what it held with it, and lets none through until it is mended. */
  cut(): void;
  /** Connections stand, and nothing that is sent from now on arrives. */
  silence(): void;
  /** Lets through again whoever connects; what was only held arrives now, late. */
  mend(): void;
  stop(): Promise<void>;
}

/** Starts a {@link BreakableWay} to a port of this machine. */
export async function startBreakableWay(target: number): Promise<BreakableWay> {
  const sockets = new Set<Socket>();
  let late: (() => void)[] = [];
  let state: 'open' | 'silent' | 'cut' = 'open';
  let held = 0;

  const carry = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      const pass = (): boolean => to.write(chunk);
      if (state === 'open') return pass();
      held += chunk.length;
      return late.push(pass);
    });
    // Either end that breaks, breaks the other: as a cable does.
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) socket.setNoDelay();
    carry(near, far);
    carry(far, near);
  });
  const cut = (): void => {
    state = 'cut';
    late = [];
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get held() {
      return held;
    },
    cut,
    silence() {
      state = 'silent';
      held = 0;
    },
    mend() {
      state = 'open';
      for (const pass of late.splice(0)) pass();
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
