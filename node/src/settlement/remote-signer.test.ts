import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { VenueBatch } from '@stoa/contracts';
import { pino } from 'pino';
import {
  type Hex,
  hexToBigInt,
  hexToNumber,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  type TransactionSerializedEIP1559,
  type TypedDataDefinition,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteSigner } from './remote-signer.ts';
import { type SettlementSigner, signBatch, type UnsignedTransaction } from './settlement-signer.ts';

const key = generatePrivateKey();
const account = privateKeyToAccount(key);
const transaction: UnsignedTransaction = {
  ...{ type: 'eip1559', chainId: 31_337, nonce: 7, to: `0x${'ab'.repeat(20)}`, data: '0x1234' },
  ...{ gas: 900_000n, maxFeePerGas: 30n, maxPriorityFeePerGas: 2n },
};
const typed = {
  domain: {
    name: 'Stoa Settlement',
    version: '1',
    chainId: 31_337,
    verifyingContract: transaction.to,
  },
  types: {
    VenueBatch: [
      { name: 'batchId', type: 'bytes32' },
      { name: 'count', type: 'uint256' },
    ],
  },
  primaryType: 'VenueBatch',
  message: { batchId: `0x${'12'.repeat(32)}`, count: 2n ** 70n },
} as const;

type Params = readonly never[];

/** What web3signer's eth1 mode does, over real HTTP; `twist` changes what it is asked for, or its answer. */
let server: Server;
let url: string;
let twist: { asked?: (params: Params) => Params; answer?: (result: unknown) => unknown };
let calls: { method: string; params: Params }[];

async function sign(method: string, params: Params): Promise<Hex> {
  if (method === 'eth_signTypedData') {
    const [, text] = params as unknown as [Hex, string];
    const data = JSON.parse(text) as TypedDataDefinition & { types: Record<string, unknown> };
    // Its encoder refuses data without the domain's type.
    if (!data.types['EIP712Domain']) throw new Error('Invalid params');
    return account.signTypedData(data);
  }
  const [one] = params as unknown as [Record<string, Hex>];
  return account.signTransaction({
    ...{ type: 'eip1559', chainId: 31_337, to: one['to'] ?? null, data: one['data'] ?? '0x' },
    nonce: hexToNumber(one['nonce'] ?? '0x0'),
    gas: hexToBigInt(one['gas'] ?? '0x0'),
    maxFeePerGas: hexToBigInt(one['maxFeePerGas'] ?? '0x0'),
    maxPriorityFeePerGas: hexToBigInt(one['maxPriorityFeePerGas'] ?? '0x0'),
  });
}

async function answerTo(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
    readonly id: number;
    readonly method: string;
    readonly params: Params;
  };
  calls.push({ method, params });
  const { asked = (same: Params) => same, answer = (same: unknown) => same } = twist;
  const result = answer(await sign(method, asked(params)));
  return typeof result === 'object'
    ? { jsonrpc: '2.0', id, ...result }
    : { jsonrpc: '2.0', id, result };
}

beforeEach(async () => {
  twist = {};
  calls = [];
  server = createServer((request, response) => {
    void answerTo(request).then(
      (answer) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const signer = (options: { timeoutMs?: number } = {}): SettlementSigner =>
  createRemoteSigner({ url, address: account.address, ...options });

describe('a remote signer', () => {
  it('signs typed data as the local key does', async () => {
    const signature = await signer().signTypedData(typed as unknown as TypedDataDefinition);
    expect(signature).toBe(await account.signTypedData(typed));
    expect(await recoverTypedDataAddress({ ...typed, signature })).toBe(account.address);
    expect(calls[0]).toMatchObject({
      method: 'eth_signTypedData',
      params: [account.address, expect.stringContaining('"primaryType":"VenueBatch"')],
    });
  });

  it('signs a batch for its venue', async () => {
    const domain = { chainId: 31_337, settlement: transaction.to };
    const batch: VenueBatch = {
      ...{ domain, venue: 'alpha', legs: [] },
      batchId: `0x${'12'.repeat(32)}`,
      groupsHash: `0x${'34'.repeat(32)}`,
    };
    expect(await signBatch(signer(), batch)).toEqual(await signBatch(account, batch));
  });

  it('signs a transaction with everything given', async () => {
    const signed = await signer().signTransaction(transaction);
    expect(signed).toBe(await account.signTransaction(transaction));
    const serializedTransaction = signed as TransactionSerializedEIP1559;
    expect(await recoverTransactionAddress({ serializedTransaction })).toBe(account.address);
    expect(calls[0]?.params).toEqual([
      {
        ...{ from: account.address, to: transaction.to, data: '0x1234', value: '0x0' },
        ...{ nonce: '0x7', gas: '0xdbba0', maxFeePerGas: '0x1e', maxPriorityFeePerGas: '0x2' },
      },
    ]);
  });

  it.each([
    ['nonce', '0x8'],
    ['gas', '0x1'],
    ['maxFeePerGas', '0xff'],
    ['data', '0xffff'],
    ['to', `0x${'cd'.repeat(20)}`],
  ])('does not take a transaction with another %s', async (field, value) => {
    twist.asked = ([one]) =>
      [{ ...(one as unknown as object), [field]: value }] as unknown as Params;
    await expect(signer().signTransaction(transaction)).rejects.toMatchObject({
      code: 'SIGNER_ANSWER_WRONG',
      message: expect.stringContaining(field),
    });
  });

  it('does not take a signature of another account, or over something else', async () => {
    const other = createRemoteSigner({ url, address: transaction.to });
    const data = typed as unknown as TypedDataDefinition;
    await expect(other.signTypedData(data)).rejects.toMatchObject({ code: 'SIGNER_ANSWER_WRONG' });
    await expect(other.signTransaction(transaction)).rejects.toMatchObject({
      code: 'SIGNER_ANSWER_WRONG',
    });
    twist.answer = () => `0x${'11'.repeat(65)}`;
    await expect(signer().signTypedData(data)).rejects.toMatchObject({
      code: 'SIGNER_ANSWER_WRONG',
    });
  });

  it('says why the service refuses', async () => {
    twist.answer = () => ({
      error: { code: -32_000, message: 'Signing from is not an unlocked account' },
    });
    await expect(signer().signTransaction(transaction)).rejects.toMatchObject({
      code: 'SIGNER_REFUSED',
      message: expect.stringContaining('not an unlocked account'),
    });
  });

  it('waits no longer than it was told to, and tells no address', async () => {
    server.removeAllListeners('request');
    server.on('request', () => undefined);
    const begun = performance.now();
    const failure = signer({ timeoutMs: 200 }).signTransaction(transaction);
    await expect(failure).rejects.toMatchObject({ code: 'SIGNER_UNAVAILABLE' });
    await expect(failure).rejects.not.toThrow(url);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  it('does not read an endless answer to its end', async () => {
    server.removeAllListeners('request');
    server.on('request', (_request, response) => {
      response.on('error', () => undefined);
      const feed = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.on('close', () => clearInterval(feed));
    });
    await expect(signer().signTransaction(transaction)).rejects.toMatchObject({
      code: 'SIGNER_UNAVAILABLE',
    });
  });
});

it('no log line of a signer, its errors or its account holds the key', async () => {
  let logged = '';
  const logger = pino(
    { level: 'debug' },
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged += chunk.toString();
        done();
      },
    }),
  );
  twist.answer = () => ({ error: { message: 'no' } });
  const refused: unknown = await signer()
    .signTransaction(transaction)
    .catch((error: unknown) => error);
  logger.error({ err: refused, signer: account, remote: signer() }, 'everything there is to log');
  expect(logged).toContain('SIGNER_REFUSED');
  expect(logged.toLowerCase()).not.toContain(key.slice(2));
});
