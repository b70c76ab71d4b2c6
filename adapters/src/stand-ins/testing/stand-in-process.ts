import type { Instrument } from '@stoa/schema';
import { inxLike } from '../inx-like-dialect.ts';
import { ppexLike } from '../ppex-like-dialect.ts';
import { StandInServer } from '../stand-in-server.ts';

interface Start {
  readonly dialect: 'ppex-like' | 'inx-like';
  readonly instrument: Instrument;
  readonly folder: string;
  readonly sessions: boolean;
  readonly port: number;
  readonly name?: string;
  readonly publicKey?: string;
  readonly limits?: readonly (readonly [number, number])[];
}

interface Command {
  readonly id: number;
  readonly name: string;
  readonly input: readonly never[];
}

/** A stand-in venue as a process of its own, which its parent starts and drives by messages. */
const start = JSON.parse(process.argv[2] ?? '{}') as Start;
const { publicKey = '', limits = [] } = start;
const dialect = start.dialect === 'inx-like' ? inxLike({ publicKey, limits }) : ppexLike();
const server = new StandInServer(start, dialect);
process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, name, input }: Command) => {
  server.command(name, input).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
const port = await server.start(start.port);
if (process.send) process.send({ port });
else process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
