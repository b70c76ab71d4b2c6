import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { peerIdOf } from '@stoa/node/peer-id';
import { type MemberId, type NodeKey, nodeKeyFromSeed } from '@stoa/schema';
import type { Hex } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { freePorts } from './ports.ts';

/** An admitted identity with its keys; the demo holds everybody's. */
export interface MemberIdentity {
  readonly id: MemberId;
  readonly nodeKey: NodeKey;
  readonly nodeKeyFile: string;
  /** Settlement signer; venues use it. */
  readonly signerKey: Hex;
  readonly signerKeyFile: string;
  /** Where its node listens: a multiaddr with its peer id. */
  readonly multiaddr: string;
  readonly httpPort: number;
}

/** Makes keys and free ports for members, and writes the keys to files that only we may read. */
export async function makeIdentities(
  folder: string,
  ids: readonly MemberId[],
): Promise<Map<MemberId, MemberIdentity>> {
  const ports = await freePorts(ids.length * 2);
  const identities = new Map<MemberId, MemberIdentity>();
  for (const [index, id] of ids.entries()) {
    const nodeKey = nodeKeyFromSeed(randomBytes(32));
    const signerKey = generatePrivateKey();
    const nodeKeyFile = await writeSecret(
      `${folder}/${id}.node-key`,
      Buffer.from(nodeKey.seed).toString('hex'),
    );
    identities.set(id, {
      id,
      nodeKey,
      nodeKeyFile,
      signerKey,
      signerKeyFile: await writeSecret(`${folder}/${id}.settlement-key`, signerKey),
      multiaddr: `/ip4/127.0.0.1/tcp/${ports[index * 2]}/p2p/${peerIdOf(nodeKey.publicKey)}`,
      httpPort: ports[index * 2 + 1] ?? 0,
    });
  }
  return identities;
}

async function writeSecret(file: string, text: string): Promise<string> {
  await writeFile(file, text);
  await chmod(file, 0o600);
  return file;
}
