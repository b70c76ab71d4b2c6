import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { median, rounded } from '../statistics.ts';
import { nowNs } from './clock.ts';

const messageBytes = 200;
const warmUps = 500;
const samples = 2_000;

/** What the machine itself needs for what no quote can do without. */
export interface Floors {
  readonly roundTripUs: number;
  readonly signUs: number;
  readonly verifyUs: number;
  /** 1.5 round trips, one signature made, one checked. */
  readonly floorUs: number;
}

/** Measures a raw TCP round trip to another process, and node:crypto's Ed25519 with parsed keys. */
export async function measureFloors(port: number): Promise<Floors> {
  const roundTripUs = await measureRoundTrip(port);
  const message = Buffer.alloc(messageBytes, 7);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signature = sign(null, message, privateKey);
  const signUs = measure(() => sign(null, message, privateKey));
  const verifyUs = measure(() => verify(null, message, publicKey, signature));
  return {
    roundTripUs: rounded(roundTripUs, 1),
    signUs: rounded(signUs, 1),
    verifyUs: rounded(verifyUs, 1),
    floorUs: rounded(1.5 * roundTripUs + signUs + verifyUs, 1),
  };
}

async function measureRoundTrip(port: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const message = Buffer.alloc(messageBytes, 7);
  const timesUs: number[] = [];
  await new Promise<void>((resolve, reject) => {
    let sentNs = 0;
    let received = 0;
    let rounds = 0;
    const send = (): void => {
      sentNs = nowNs();
      socket.write(message);
    };
    socket.on('error', reject);
    socket.on('data', (data) => {
      received += data.length;
      if (received < messageBytes) return;
      received = 0;
      rounds += 1;
      if (rounds > warmUps) timesUs.push((nowNs() - sentNs) / 1_000);
      if (timesUs.length === samples) resolve();
      else send();
    });
    send();
  });
  socket.destroy();
  return median(timesUs);
}

function measure(operation: () => unknown): number {
  const timesUs: number[] = [];
  for (let round = 0; round < warmUps + samples; round += 1) {
    const begunNs = nowNs();
    operation();
    if (round >= warmUps) timesUs.push((nowNs() - begunNs) / 1_000);
  }
  return median(timesUs);
}
