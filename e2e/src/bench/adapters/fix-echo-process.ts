import net from 'node:net';
import { join } from 'node:path';
import { FixAcceptor, SESSION_LIMITS, SessionRunner, SessionStore, TAG } from '@stoa/adapters';
import { serveCommands } from '../process-commands.ts';
import { FIX_BENCH_SETTINGS } from './fix-bench-settings.ts';

/** The other side: a FIX session that fills every order at once, and a port that echoes bytes. */
const commands = {
  async listen({ folder }: { folder: string }) {
    const store = new SessionStore({
      ...{ path: join(folder, 'venue.log'), durability: 'page-cache', nowMs: Date.now },
    });
    let executions = 0;
    const runner: SessionRunner = new SessionRunner(
      {
        ...{ ...FIX_BENCH_SETTINGS, role: 'acceptor' },
        ...{ senderCompId: 'VENUE', targetCompId: 'STOA' },
      },
      SESSION_LIMITS,
      {
        ...{ store, nowMs: Date.now, onEstablished: () => undefined, onDown: () => undefined },
        onNotice: () => undefined,
        onMessage: ({ fields, seq }) => {
          const clientId = fields.text(TAG.ClOrdID) ?? '';
          const quantity = fields.text(TAG.OrderQty) ?? '';
          const price = fields.text(TAG.Price) ?? '';
          executions += 1;
          runner.send('8', (writer) => {
            writer.text(TAG.OrderID, clientId).text(TAG.ClOrdID, clientId);
            writer.int(TAG.ExecID, executions).text(TAG.ExecTransType, '0').text(TAG.ExecType, '2');
            writer.text(TAG.OrdStatus, '2').text(TAG.Symbol, 'ACME').text(TAG.Side, '1');
            writer.text(TAG.LastQty, quantity).text(TAG.LastPx, price).text(TAG.LeavesQty, '0');
            writer.text(TAG.CumQty, quantity).text(TAG.AvgPx, price);
          });
          runner.acknowledge({ seq, numbering: runner.numbering });
        },
      },
    );
    const acceptor = new FixAcceptor(
      {
        ...{ host: '127.0.0.1', port: 0, maxConnections: 10 },
        ...{ logonTimeoutMs: 10_000, maxLogonBytes: 4_096 },
      },
      { admit: async () => runner, onNotice: () => undefined },
    );
    const echo = net.createServer((socket) => socket.setNoDelay(true).pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const fixPort = await acceptor.listen();
    return { fixPort, echoPort: (echo.address() as net.AddressInfo).port };
  },
};
export type FixEchoCommands = typeof commands;

serveCommands(commands);
