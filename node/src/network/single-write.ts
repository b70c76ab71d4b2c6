import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

type Send = MessageStream['send'];

/**
 * Lets an encrypter's message go to the socket as one piece. Noise hands over a two-byte length and
 * the ciphertext as a list, and the TCP transport writes each part of a list by itself: two system
 * calls and two packets a frame, and a receiver that wakes twice.
 */
export function singleWrite<Components>(
  create: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const encrypter = create(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = (connection, options) =>
      secureInbound(joinParts(connection), options);
    encrypter.secureOutbound = (connection, options) =>
      secureOutbound(joinParts(connection), options);
    return encrypter;
  };
}

function joinParts<Connection extends MessageStream>(connection: Connection): Connection {
  const send: Send = connection.send.bind(connection);
  connection.send = (data) => send(data.subarray());
  return connection;
}
