import { CodedError } from '@stoa/schema';
import {
  type Address,
  getTypesForEIP712Domain,
  type Hex,
  isAddressEqual,
  isHex,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  serializeTypedData,
  type TransactionSerializedEIP1559,
  type TypedDataDefinition,
} from 'viem';
import type { SettlementSigner, UnsignedTransaction } from './settlement-signer.ts';

/** Where the signing service is, and for which of its accounts it is asked. */
export interface RemoteSignerOptions {
  /** `https://…`, or `http://…` where the service runs beside the node. */
  readonly url: string;
  readonly address: Address;
  /** Of one call; default 5,000. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5_000;
const maxAnswerBytes = 262_144;

/**
 * A signer behind web3signer's eth1 JSON-RPC (`eth_signTypedData`, `eth_signTransaction`), or any
 * service that speaks it. Its answers are checked: the signature must be the account's, over what was
 * asked for and nothing else, before it is stored or sent anywhere.
 *
 * @see https://docs.web3signer.consensys.io/reference/api/json-rpc
 */
export function createRemoteSigner(options: RemoteSignerOptions): SettlementSigner {
  const { address } = options;
  let lastId = 0;
  const ask = async (method: string, params: readonly unknown[]): Promise<Hex> => {
    lastId += 1;
    const body = JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params });
    return resultOf(method, lastId, await post(options, body));
  };
  return {
    address,
    signTypedData: async (data) => {
      // As text, in which form every version of the service takes it; it asks for the domain's type.
      const signature = await ask('eth_signTypedData', [address, typedDataText(data)]);
      const signer = await recoverTypedDataAddress({ ...data, signature }).catch(() => undefined);
      if (signer !== undefined && isAddressEqual(signer, address)) return signature;
      throw wrongAnswer('eth_signTypedData', 'a signature that is not the account’s over the data');
    },
    signTransaction: async (transaction) => {
      const signed = await ask('eth_signTransaction', [
        transactionParameters(address, transaction),
      ]);
      const difference = await differenceOf(signed, transaction, address);
      if (difference === undefined) return signed;
      throw wrongAnswer('eth_signTransaction', difference);
    },
  };
}

function typedDataText(data: TypedDataDefinition): string {
  const types = { EIP712Domain: getTypesForEIP712Domain({ domain: data.domain }), ...data.types };
  return serializeTypedData({ ...data, types } as TypedDataDefinition);
}

function transactionParameters(from: Address, transaction: UnsignedTransaction) {
  const { to, data, nonce, gas, maxFeePerGas, maxPriorityFeePerGas } = transaction;
  return {
    ...{ from, to, data, value: '0x0' },
    nonce: numberToHex(nonce),
    gas: numberToHex(gas),
    maxFeePerGas: numberToHex(maxFeePerGas),
    maxPriorityFeePerGas: numberToHex(maxPriorityFeePerGas),
  };
}

/** In what the signed transaction differs from the one asked for. The chain id is the service's own. */
async function differenceOf(
  signed: Hex,
  asked: UnsignedTransaction,
  address: Address,
): Promise<string | undefined> {
  try {
    const parsed = parseTransaction(signed as TransactionSerializedEIP1559);
    const same = {
      type: parsed.type === 'eip1559',
      chainId: parsed.chainId === asked.chainId,
      nonce: (parsed.nonce ?? 0) === asked.nonce,
      to: parsed.to != null && isAddressEqual(parsed.to, asked.to),
      data: (parsed.data ?? '0x').toLowerCase() === asked.data.toLowerCase(),
      value: (parsed.value ?? 0n) === 0n,
      gas: parsed.gas === asked.gas,
      maxFeePerGas: (parsed.maxFeePerGas ?? 0n) === asked.maxFeePerGas,
      maxPriorityFeePerGas: (parsed.maxPriorityFeePerGas ?? 0n) === asked.maxPriorityFeePerGas,
      accessList: (parsed.accessList ?? []).length === 0,
    };
    const other = Object.entries(same).flatMap(([field, isSame]) => (isSame ? [] : [field]));
    if (other.length > 0) return `a transaction with another ${other.join(', ')}`;
    const serializedTransaction = signed as TransactionSerializedEIP1559;
    const signer = await recoverTransactionAddress({ serializedTransaction });
    return isAddressEqual(signer, address) ? undefined : 'another account’s signature';
  } catch {
    return 'no signed transaction';
  }
}

async function post({ url, timeoutMs = defaultTimeoutMs }: RemoteSignerOptions, body: string) {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', body, redirect: 'error' },
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    return await boundedText(response);
  } catch (cause) {
    // Without the address, which may carry a password.
    const message = 'The settlement signer could not be reached, or did not answer in time.';
    throw new CodedError('SIGNER_UNAVAILABLE', message, { cause });
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function resultOf(method: string, id: number, text: string): Hex {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new CodedError('SIGNER_UNAVAILABLE', 'The settlement signer’s answer is not JSON.');
  }
  const { result, error, id: answered } = (answer ?? {}) as Record<string, unknown>;
  if (error != null) {
    const { message } = error as { readonly message?: unknown };
    const why = typeof message === 'string' ? message.slice(0, 200) : 'no reason given';
    throw new CodedError('SIGNER_REFUSED', `The settlement signer refused ${method}: ${why}`);
  }
  if (answered !== id || !isHex(result)) throw wrongAnswer(method, 'no hexadecimal result');
  return result;
}

function wrongAnswer(method: string, what: string): CodedError {
  const message = `The settlement signer answered ${method} with ${what}; it is not used.`;
  return new CodedError('SIGNER_ANSWER_WRONG', message);
}
