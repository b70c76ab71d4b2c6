import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { nodeKeyFromSeed, verifierOf } from '@stoa/schema';
import { createSchema, createYoga } from 'graphql-yoga';
import postgres, { type Sql } from 'postgres';
import { onMessages } from '../fixed-messages.ts';
import { serveCommands } from '../process-commands.ts';

/** As much as an order, and what is said of it, is here. */
const RECORD = 'r'.repeat(1_000);
const MESSAGE_BYTES = 500;
const SIGNATURE_BYTES = 64;
const SIGNED_BYTES = MESSAGE_BYTES + SIGNATURE_BYTES;

const key = nodeKeyFromSeed(new Uint8Array(32).fill(7));
const verify = verifierOf(key.publicKey);

const commands = {
  /** The far end: what comes is verified, committed, and answered signed. */
  async venue({ databaseUrl }: { databaseUrl: string }) {
    const sql = await openStore(databaseUrl);
    const server = createServer({ noDelay: true }, (socket) =>
      onVerified(socket, async () => {
        await commit(sql);
        socket.write(signedMessage());
      }),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  },
  /** A GraphQL mutation that commits, asks the far end, meanwhile commits a record, and answers. */
  async home({ databaseUrl, venuePort }: { databaseUrl: string; venuePort: number }) {
    const sql = await openStore(databaseUrl);
    const socket = dial({ port: venuePort, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    let answered: (() => void) | undefined;
    onVerified(socket, () => answered?.());
    const place = async (): Promise<string> => {
      await commit(sql);
      const { promise, resolve } = Promise.withResolvers<void>();
      answered = resolve;
      socket.write(signedMessage());
      await Promise.all([promise, commit(sql)]);
      return 'NEW';
    };
    const schema = createSchema({
      typeDefs: 'type Query { status: String } type Mutation { place: String! }',
      resolvers: { Mutation: { place } },
    });
    const server = createHttpServer(createYoga({ schema, logging: false }));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  },
};

export type FloorCommands = typeof commands;

async function openStore(databaseUrl: string): Promise<Sql> {
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => undefined });
  await sql`create table if not exists floor (id bigserial primary key, record text not null)`;
  return sql;
}

/** One statement is one transaction, as durable as the server makes any. */
async function commit(sql: Sql): Promise<void> {
  await sql`insert into floor (record) values (${RECORD})`;
}

function signedMessage(): Uint8Array {
  const message = Buffer.alloc(MESSAGE_BYTES, 1);
  return Buffer.concat([message, key.sign('order', message)]);
}

function onVerified(socket: Socket, call: () => unknown): void {
  onMessages(socket, SIGNED_BYTES, (signed) => {
    const message = signed.subarray(0, MESSAGE_BYTES);
    if (!verify('order', message, signed.subarray(MESSAGE_BYTES))) {
      throw new Error('a message was not signed');
    }
    call();
  });
}

serveCommands(commands);
