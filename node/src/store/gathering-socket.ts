import { Socket } from 'node:net';

/** What the driver has of a server's address. */
interface ServerAddress {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false | undefined;
}

/** The driver gathers what it writes until it has so many bytes, or until its turn of the event loop ends. */
const DRIVER_WRITES_FROM_BYTES = 1_024;

/**
 * Makes the driver's connections: to its servers in turn, as it does itself. Each hands on in one piece
 * what the driver writes in one turn: the statements of a transaction are several of its writes, each of
 * them a call of the system that costs as much as the statement, and wakes the server.
 *
 * @param onWrite told of each piece that is handed on
 */
export function gatheringSockets(onWrite: () => void): (address: ServerAddress) => Socket {
  let next = 0;
  return ({ host, port, path }) => {
    const socket = new Socket();
    if (path) socket.connect(path);
    else {
      const server = { host: host[next % port.length] ?? '', port: port[next % port.length] ?? 0 };
      next += 1;
      // TLS is checked by this name.
      Object.assign(socket, server);
      socket.setNoDelay(true).connect(server.port, server.host);
    }
    // Only now: where it connects, Node puts its own back in this place.
    socket.write = gathering(socket, onWrite);
    return socket;
  };
}

function gathering(socket: Socket, onWrite: () => void): Socket['write'] {
  const write = socket.write.bind(socket);
  const handOn = (): void => {
    if (socket.writableCorked === 0) return;
    onWrite();
    socket.uncork();
  };
  return (
    data: Uint8Array | string,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    written?: (error?: Error | null) => void,
  ): boolean => {
    const isWhole = data.length >= DRIVER_WRITES_FROM_BYTES;
    if (isWhole && socket.writableCorked === 0) {
      socket.cork();
      // After the driver, which writes the rest at the end of this turn.
      process.nextTick(() => setImmediate(handOn));
    }
    const taken = write(data, encoding as BufferEncoding, written);
    if (socket.writableCorked === 0) onWrite();
    // Less than that is the end of what the driver gathered.
    else if (!isWhole) handOn();
    return taken;
  };
}
