import { type Abi, type Address, encodeFunctionData, stringToHex, zeroHash } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cashTokenAbi, cashTokenBytecode } from '../generated/cash-token.ts';
import { moverHarnessAbi, moverHarnessBytecode } from '../generated/test-mover-harness.ts';
import {
  partitionedTokenAbi,
  partitionedTokenBytecode,
} from '../generated/test-partitioned-token.ts';
import {
  permissionedTokenSuite,
  type TokenUnderTest,
} from '../testing/permissioned-token-suite.ts';
import { developmentAccount, startTestChain, type TestChain } from '../testing/test-chain.ts';
import { readStatus } from './erc1400.ts';
import type { PermissionedToken } from './permissioned-token.ts';
import { createPermissionedToken } from './token-standards.ts';

const admin = 0;
const sellerIndex = 1;
const buyerIndex = 2;
const seller = developmentAccount(sellerIndex).address;
const buyer = developmentAccount(buyerIndex).address;
const stranger = developmentAccount(3).address;
const partition = stringToHex('class-a', { size: 32 });
const balance = 100n;

let chain: TestChain;
beforeAll(async () => {
  chain = await startTestChain();
});
afterAll(() => chain.stop());

interface World extends TokenUnderTest {
  readonly address: Address;
  write(functionName: string, args: readonly unknown[], from?: number): Promise<void>;
}

/** A token whose seller lets `MoverHarness` move its tokens, as settlement would. */
async function deploy(using: typeof partition): Promise<World> {
  const isDefault = using === zeroHash;
  const owner = developmentAccount(admin).address;
  const address = await chain.deploy(partitionedTokenAbi, partitionedTokenBytecode, [
    'Class A',
    'CLA',
    partition,
    owner,
  ]);
  const mover = await chain.deploy(moverHarnessAbi, moverHarnessBytecode, []);
  const cashToken = await chain.deploy(cashTokenAbi, cashTokenBytecode, ['Cash', 'CSH', owner]);
  const call = async (
    to: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
    from = admin,
  ) => {
    await chain.send({ to, data: encodeFunctionData({ abi, functionName, args }), from });
  };
  const write: World['write'] = (functionName, args, from) =>
    call(address, partitionedTokenAbi, functionName, args, from);
  const authority = (allowed: boolean) => {
    if (isDefault) return write('approve', [mover, allowed ? balance * 10n : 0n], sellerIndex);
    const verb = allowed ? 'authorizeOperatorByPartition' : 'revokeOperatorByPartition';
    return write(verb, [partition, mover], sellerIndex);
  };
  for (const wallet of [seller, buyer]) await write('setAdmitted', [wallet, true]);
  await write('issueByPartition', [partition, seller, balance, '0x']);
  await authority(true);
  await call(cashToken, cashTokenAbi, 'mint', [buyer, 50n]);
  await call(cashToken, cashTokenAbi, 'approve', [mover, 50n], buyerIndex);
  return {
    ...{ address, write, seller, buyer, stranger, balance, cashToken, cash: 50n },
    token: createPermissionedToken('ERC-1400', {
      client: chain.client,
      token: address,
      partition: using,
      settlement: mover,
    }),
    move: async ({ from, to, quantity }) => {
      try {
        await call(mover, moverHarnessAbi, 'move', [address, using, from, to, quantity]);
        return true;
      } catch {
        return false;
      }
    },
    halt: () => write('setHalted', [true]),
    expel: (wallet) => write('setAdmitted', [wallet, false]),
    lockAllBut: (free) => write('setLocked', [seller, balance - free]),
    withdrawAuthority: () => authority(false),
    snapshot: async () => {
      const id = await chain.client.snapshot();
      return () => chain.client.revert({ id });
    },
  };
}

permissionedTokenSuite('a partition of an ERC-1400 token', () => deploy(partition));
permissionedTokenSuite('the default partition of an ERC-1400 token', () => deploy(zeroHash));
permissionedTokenSuite('an ERC-1400 token that judges its caller as operator', async () => {
  const world = await deploy(partition);
  await world.write('setHabits', [false, true]);
  return world;
});
permissionedTokenSuite('an ERC-1400 token that answers in the shape of ERC-1594', async () => {
  const world = await deploy(zeroHash);
  await world.write('setHabits', [true, true]);
  return world;
});

describe('status bytes', () => {
  let world: World;
  let restore: () => Promise<void>;
  beforeAll(async () => {
    world = await deploy(partition);
  });
  beforeEach(async () => {
    restore = await world.snapshot();
  });
  afterEach(() => restore());
  const ask = (token: PermissionedToken) =>
    token.canTransfer({ from: seller, to: buyer, quantity: 1n });

  it('carry the text in which they mean what is said', async () => {
    await world.write('setHalted', [true]);
    expect(await ask(world.token)).toMatchObject({
      reasons: [{ code: 'TOKEN_PAUSED', status: { namespace: 'ERC-1400', byte: '0x54' } }],
    });
    const as1066 = createPermissionedToken('ERC-1400', {
      client: chain.client,
      token: world.address,
      partition,
      settlement: seller,
      statusNamespace: 'ERC-1066',
    });
    expect(await ask(as1066)).toMatchObject({
      reasons: [{ code: 'BALANCE_TOO_LOW', status: { namespace: 'ERC-1066', byte: '0x54' } }],
    });
  });

  it('tell a refused sender from a refused receiver and locked funds', async () => {
    await world.write('setLocked', [seller, balance]);
    expect(await ask(world.token)).toMatchObject({ code: 'TOKENS_LOCKED' });
    await world.write('setAdmitted', [buyer, false]);
    expect(await ask(world.token)).toMatchObject({ code: 'RECEIVER_REFUSED' });
    await world.write('setAdmitted', [seller, false]);
    expect(await ask(world.token)).toMatchObject({ code: 'SENDER_REFUSED' });
  });

  it('say nothing against a seller who may not receive, whoever asks', async () => {
    await world.write('setClosed', [seller, true]);
    expect(await world.token.canSend(seller, 1n)).toMatchObject({ eligible: true });
    expect(await world.token.canReceive(seller)).toMatchObject({ code: 'RECEIVER_REFUSED' });
    await world.write('setHabits', [false, true]);
    expect(await world.token.canSend(seller, 1n)).toMatchObject({ eligible: true });
    expect(await world.token.canReceive(seller)).toMatchObject({ code: 'RECEIVER_REFUSED' });
    expect(await world.token.canReceive(stranger)).toMatchObject({ code: 'RECEIVER_REFUSED' });
  });

  it('are read in both shapes, and in no other', () => {
    const word = (hex: string) => hex.padEnd(64, '0');
    const no = word('54');
    const truth = (value: 0 | 1) => String(value).padStart(64, '0');
    expect(readStatus(`0x${no}${word('')}${word('')}`, false)).toBe('0x54');
    expect(readStatus(`0x${no}${word('')}`, true)).toBe('0x54');
    expect(readStatus(`0x${truth(0)}${no}${word('')}`, true)).toBe('0x54');
    expect(readStatus(`0x${truth(1)}${word('51')}${word('')}`, true)).toBe('0x51');
    // The truth value decides where the two disagree.
    expect(readStatus(`0x${truth(1)}${no}${word('')}`, true)).toBe('0x51');
    expect(readStatus(`0x${truth(0)}${word('51')}${word('')}`, true)).toBe('0x50');
    expect(readStatus(`0x${no}${no}${no}`, true)).toBeUndefined();
    expect(readStatus(`0x${no}${no}`, false)).toBeUndefined();
    expect(readStatus('0x', true)).toBeUndefined();
  });

  it('are asked of `canTransfer` with the caller as sender', async () => {
    const shape = async (answersWithBool: boolean) => {
      await world.write('setHabits', [answersWithBool, false]);
      const data = encodeFunctionData({
        abi: partitionedTokenAbi,
        functionName: 'canTransfer',
        args: [buyer, 1n, '0x'],
      });
      const { data: result = '0x' } = await chain.client.call({
        account: seller,
        to: world.address,
        data,
      });
      return [result.length / 2 - 1, readStatus(result, true)];
    };
    expect(await shape(false)).toEqual([64, '0x51']);
    expect(await shape(true)).toEqual([96, '0x51']);
  });
});
