import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { onMessages } from '../fixed-messages.ts';
import { nowNs } from './clock.ts';
import type { PacerPlan } from './pacer-thread.ts';

const bodyBytes = 200;
const signatureBytes = 64;
const messageBytes = bodyBytes + signatureBytes;
/** What is on its way when the pacer ends comes within this, or never. */
const drainMs = 1_000;

/**
 * What no quote can do without, at the quotes' own pace and in their own processes: a message is signed,
 * written to a plain socket, checked by the other process and sent back. Messages are as many bytes as
 * the quick floor's (`floors.ts`) and a signature.
 */
export class PacedEcho {
  readonly #keys = generateKeyPairSync('ed25519');
  #arrivedUs: number[] = [];

  /** With which the other side checks what this one signs; PEM. */
  publicKey(): string {
    return this.#keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  /** Listens, checks and sends back what comes; the port, for the other side. */
  async listen(publicKeyPem: string): Promise<number> {
    const key = createPublicKey(publicKeyPem);
    const server = createServer({ noDelay: true }, (socket) => {
      onMessages(socket, messageBytes, (message) => {
        const body = message.subarray(0, bodyBytes);
        if (!verify(null, body, key, message.subarray(bodyBytes))) socket.destroy();
        this.#arrivedUs.push((nowNs() - body.readDoubleLE()) / 1_000);
        socket.write(message);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** Of what came since the last call: from before it was signed until it was checked here. */
  takeArrivals(): Float64Array {
    const taken = Float64Array.from(this.#arrivedUs);
    this.#arrivedUs = [];
    return taken;
  }

  /** Sends at a pace; round trips in microseconds, from the write to the answer. */
  async run({ port, ...plan }: PacerPlan & { readonly port: number }): Promise<Float64Array> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const sentNs: number[] = [];
    const roundTripsUs: number[] = [];
    onMessages(socket, messageBytes, () => {
      roundTripsUs.push((nowNs() - (sentNs[roundTripsUs.length] ?? 0)) / 1_000);
    });
    const pacer = new Worker(join(import.meta.dirname, 'pacer-thread.ts'), { workerData: plan });
    pacer.on('message', (count: number) => {
      for (let due = count; due > 0; due -= 1) {
        const body = Buffer.alloc(bodyBytes, 7);
        body.writeDoubleLE(nowNs());
        const message = Buffer.concat([body, sign(null, body, this.#keys.privateKey)]);
        sentNs.push(nowNs());
        socket.write(message);
      }
    });
    await once(pacer, 'exit');
    const deadline = performance.now() + drainMs;
    while (roundTripsUs.length < sentNs.length && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.destroy();
    return Float64Array.from(roundTripsUs);
  }
}
