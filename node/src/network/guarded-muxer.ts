import type { Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface';

/** What of yamux's streams and muxer throws where nobody can catch it. */
interface WindowedStream extends Stream {
  sendWindowUpdate(): void;
}

interface StreamMaker extends StreamMuxer {
  _newStream(...parts: unknown[]): WindowedStream;
}

/**
 * Yamux tells the other side of a new stream, and of room in an old one, from a microtask or an event
 * handler, and throws there when the connection has just closed: an exception nobody can catch, which
 * ends the process. With this guard the stream is aborted instead, and its user hears of it.
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
    try {
      sendWindowUpdate();
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return stream;
}
