import { type AddressInfo, createServer } from 'node:net';
import { serveCommands } from '../process-commands.ts';

const commands = {
  /** Listens on the loopback and sends back what comes. */
  async listen() {
    const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  },
};

export type EchoCommands = typeof commands;

serveCommands(commands);
