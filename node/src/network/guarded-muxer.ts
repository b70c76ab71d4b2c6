import type { Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface';

/** What of yamux's streams and muxer throws where nobody can catch it, and what it goes by. */
interface WindowedStream extends Stream {
  sendWindowUpdate(): void;
  readonly state: number;
  /** Bytes that the other side may send in all, and those of them that it has left. */
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
}

/** `StreamState.Established` of yamux: before it, updates also open the stream. */
const ESTABLISHED = 3;

interface StreamMaker extends StreamMuxer {
  _newStream(...parts: unknown[]): WindowedStream;
}

/**
 * Yamux tells the other side of a new stream, and of room in an old one, from a microtask or an event
 * handler, and throws there when the connection has just closed: an exception nobody can catch, which
 * ends the process. With this guard the stream is aborted instead, and its user hears of it.
 *
 * Yamux also answers each piece of data with the room it made: a message back for every frame. Here a
 * side hears of new room once half of its window is used.
 */
export function guardedMuxer<Components>(
  create: (components: Components) => StreamMuxerFactory,
): (components: Components) => StreamMuxerFactory {
  return (components) => {
    const factory = create(components);
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection) as StreamMaker;
        const newStream = muxer._newStream.bind(muxer);
        muxer._newStream = (...parts) => guard(newStream(...parts));
        return muxer;
      },
    };
  };
}

function guard(stream: WindowedStream): WindowedStream {
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    const hasRoom = stream.recvWindowCapacity * 2 >= stream.recvWindow;
    if (stream.state === ESTABLISHED && hasRoom) return;
    try {
      sendWindowUpdate();
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return stream;
}
