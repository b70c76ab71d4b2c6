import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import {
  FixFields,
  FixInitiator,
  FrameSplitter,
  MessageWriter,
  readDecimal,
  readGroup,
  SESSION_LIMITS,
  SessionRunner,
  SessionStore,
  TAG,
} from '@stoa/adapters';
import type { BenchNeeds } from '../bench.ts';
import { benchProcesses } from '../bench-process.ts';
import { median, quantile, rounded, spread } from '../statistics.ts';
import { FIX_BENCH_SETTINGS } from './fix-bench-settings.ts';
import type { FixEchoCommands } from './fix-echo-process.ts';

const ROUND_MS = 500;
const MESSAGES_A_CHUNK = 256;
const WARM_UP = 2_000;

/**
 * FIX: market data messages read a second, from the bytes of a stream to exact amounts, beside a plain
 * echo of the same bytes; and an order's round trip over TCP to a session in another process and back,
 * each side's messages in its file before they go out, beside the same bytes echoed without a session.
 */
export async function measureFixPart({ say, option }: BenchNeeds) {
  say('adapters: FIX messages parsed');
  const parse = measureParse(option('rounds'));
  say(`adapters: FIX round trips, ${option('roundtrips')}`);
  const roundTrip = await measureRoundTrips(option('roundtrips'));
  return { ...parse, ...roundTrip };
}

/** An X of 242 bytes: two entries with price and size. */
function marketDataMessage(): Buffer {
  const writer = new MessageWriter().begin('FIX.4.4', 'X');
  writer.text(TAG.SenderCompID, 'VENUE').text(TAG.TargetCompID, 'STOA').int(TAG.MsgSeqNum, 123_456);
  writer.text(TAG.SendingTime, '20260101-10:00:00.123').text(TAG.MDReqID, 'request-00001');
  writer.int(TAG.NoMDEntries, 2);
  for (const [type, id, price, size] of [
    ['0', 'bid-000001', '100.2500', '123456'],
    ['1', 'offer-0001', '100.7500', '98765'],
  ] as const) {
    writer.text(TAG.MDUpdateAction, '1').text(TAG.MDEntryType, type).text(TAG.MDEntryID, id);
    writer.text(TAG.Symbol, 'ACME-TOKEN').text(TAG.MDEntryPx, price).text(TAG.MDEntrySize, size);
    writer.int(TAG.RptSeq, 100_001);
  }
  return writer.finish();
}

function measureParse(rounds: number) {
  const message = marketDataMessage();
  const chunk = Buffer.concat(Array.from({ length: MESSAGES_A_CHUNK }, () => message));
  const fields = new FixFields();
  const bounds = new Int32Array(1_024);
  let sum = 0;
  const splitter = new FrameSplitter(1_048_576, {
    onFrame: (bytes, start, end) => {
      fields.scan(bytes, start, end);
      const count = readGroup(fields, TAG.NoMDEntries, bounds);
      for (let entry = 0; entry < count; entry += 1) {
        const [from, to] = [bounds[entry] as number, bounds[entry + 1] as number];
        for (const [tag, decimals] of AMOUNTS) {
          const at = fields.find(tag, from, to);
          sum += readDecimal(bytes, fields.starts[at] ?? 0, fields.ends[at] ?? 0, decimals);
        }
      }
    },
    onGarbled: (reason) => {
      throw new Error(reason);
    },
  });
  const echo = Buffer.alloc(message.length);
  const perSecond = (work: () => void): number => {
    const startedAt = performance.now();
    let messages = 0;
    while (performance.now() - startedAt < ROUND_MS) {
      work();
      messages += MESSAGES_A_CHUNK;
    }
    return messages / ((performance.now() - startedAt) / 1_000);
  };
  const parsing = (): void => splitter.push(chunk);
  const echoing = (): void => {
    for (let at = 0; at < chunk.length; at += message.length) {
      sum += chunk.copy(echo, 0, at, at + message.length);
    }
  };
  perSecond(parsing);
  perSecond(echoing);
  // In turn, so that what the machine does meanwhile meets both.
  const parsed = Array.from({ length: rounds }, () => [perSecond(parsing), perSecond(echoing)]);
  if (sum === 0) throw new Error('nothing was read');
  const rates = (index: number): number[] => parsed.map((pair) => pair[index] ?? 0);
  return {
    messageBytes: message.length,
    parsePerSecond: Math.round(median(rates(0))),
    echoParsePerSecond: Math.round(median(rates(1))),
    parse: spread(rates(0)),
  };
}

const AMOUNTS = [
  [TAG.MDEntryPx, 4],
  [TAG.MDEntrySize, 0],
] as const;

async function measureRoundTrips(count: number) {
  await using processes = benchProcesses();
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-fix-bench-'));
  try {
    const peer = processes.start<FixEchoCommands>('adapters/fix-echo-process.ts');
    const { fixPort, echoPort } = await peer.ask('listen', { folder });
    const echoUs = await plainRoundTrips(echoPort, count);
    const fixUs = await orderRoundTrips(fixPort, folder, count);
    return {
      roundTripP50Us: rounded(quantile(fixUs, 0.5), 1),
      roundTripP99Us: rounded(quantile(fixUs, 0.99), 1),
      echoRoundTripP50Us: rounded(quantile(echoUs, 0.5), 1),
      echoRoundTripP99Us: rounded(quantile(echoUs, 0.99), 1),
    };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Orders one after the other, each answered by an execution report. */
async function orderRoundTrips(port: number, folder: string, count: number): Promise<number[]> {
  const store = new SessionStore({
    ...{ path: join(folder, 'orders.log'), durability: 'page-cache', nowMs: Date.now },
  });
  let answered: () => void = () => undefined;
  const up = Promise.withResolvers<void>();
  const runner: SessionRunner = new SessionRunner(
    {
      ...{ ...FIX_BENCH_SETTINGS, role: 'initiator' },
      ...{ senderCompId: 'STOA', targetCompId: 'VENUE' },
    },
    SESSION_LIMITS,
    {
      ...{ store, nowMs: Date.now, onDown: () => undefined, onEstablished: () => up.resolve() },
      onNotice: ({ text }) => up.reject(new Error(text)),
      onMessage: ({ seq }) => {
        runner.acknowledge({ seq, numbering: runner.numbering });
        answered();
      },
    },
  );
  const initiator = new FixInitiator(
    { hosts: [{ host: '127.0.0.1', port }] },
    {
      ...{ runner, begunAtMs: () => store.begunAtMs, nowMs: Date.now },
      ...{ onConnecting: () => undefined, onConnected: () => undefined, onNotice: () => undefined },
    },
  );
  initiator.start();
  await up.promise;
  const timesUs: number[] = [];
  for (let one = -WARM_UP; one < count; one += 1) {
    const startedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = resolve;
    runner.send('D', (writer) => writeOrder(writer, one + WARM_UP));
    await promise;
    if (one >= 0) timesUs.push((performance.now() - startedAt) * 1_000);
  }
  await initiator.stop();
  runner.close();
  return timesUs;
}

function writeOrder(writer: MessageWriter, one: number): void {
  writer.text(TAG.ClOrdID, `order-${one}`).text(TAG.HandlInst, '1').text(TAG.Symbol, 'ACME');
  writer.text(TAG.Side, '1').time(TAG.TransactTime, Date.now()).text(TAG.OrderQty, '100');
  writer.text(TAG.OrdType, '2').text(TAG.Price, '100.25').text(TAG.TimeInForce, '0');
}

/** As many bytes, there and back, without a session. */
async function plainRoundTrips(port: number, count: number): Promise<number[]> {
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.setNoDelay(true);
  await new Promise((resolve) => socket.once('connect', resolve));
  const bytes = Buffer.alloc(190, 'x');
  let missing = 0;
  let answered: () => void = () => undefined;
  socket.on('data', (chunk) => {
    missing -= chunk.length;
    if (missing === 0) answered();
  });
  const timesUs: number[] = [];
  for (let one = -WARM_UP; one < count; one += 1) {
    const startedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = resolve;
    missing = bytes.length;
    socket.write(bytes);
    await promise;
    if (one >= 0) timesUs.push((performance.now() - startedAt) * 1_000);
  }
  socket.destroy();
  return timesUs;
}
