import type { Socket } from 'node:net';

/** Takes what comes over a plain socket in messages that are all of one length. */
export function onMessages(
  socket: Socket,
  messageBytes: number,
  take: (message: Buffer) => void,
): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (; rest.length >= messageBytes; rest = rest.subarray(messageBytes)) {
      take(rest.subarray(0, messageBytes));
    }
  });
}
