import { type Address, type Client, erc20Abi, isAddressEqual, zeroAddress } from 'viem';
import { multicall } from 'viem/actions';
import { complianceAbi, erc3643TokenAbi, identityRegistryAbi } from './erc3643-abi.ts';
import { explainClaims, explainCompliance, type TokenRegistries } from './erc3643-refusal.ts';
import type { Eligibility, EligibilityCode, PermissionedToken } from './permissioned-token.ts';

export interface Erc3643Options {
  readonly client: Client;
  readonly token: Address;
  /** The contract that sellers approve. */
  readonly settlement: Address;
  /** Names for claim topics (topic as a decimal string → name), used in messages. */
  readonly topicNames?: Readonly<Record<string, string>>;
}

/**
 * ERC-3643's pre-trade checks. The standard's own `canTransfer` and `isVerified` answer yes or no;
 * here each condition is asked for itself, all in one call, so that a refusal names its cause.
 *
 * @throws viem errors when the RPC fails or the contract does not answer as an ERC-3643 token
 */
export function createErc3643Token(options: Erc3643Options): PermissionedToken {
  const { client, token, settlement } = options;
  // An issuer may exchange its registry or compliance contract at any time. Each check therefore
  // reads both addresses along with the rest, and starts again when they are not those it used.
  let cached: TokenRegistries | undefined;

  async function withRegistries<Facts extends TokenRegistries>(
    read: (registries: TokenRegistries) => Promise<Facts>,
  ): Promise<Facts> {
    const facts = await read(cached ?? (await readRegistries(client, token)));
    cached = { identityRegistry: facts.identityRegistry, compliance: facts.compliance };
    return facts;
  }

  async function checkReceiver(wallet: Address, facts: HolderFacts): Promise<Eligibility> {
    if (facts.isFrozen) return refusal('WALLET_FROZEN', `The wallet ${wallet} is frozen.`);
    if (isAddressEqual(facts.identity, zeroAddress)) {
      return refusal(
        'IDENTITY_NOT_REGISTERED',
        `The wallet ${wallet} has no identity in the token's identity registry.`,
      );
    }
    if (facts.isVerified) return { eligible: true };
    return explainClaims(client, facts, wallet, options.topicNames ?? {});
  }

  return {
    token,

    async checkHolder(wallet) {
      const facts = await withRegistries((using) => readHolder(client, token, wallet, using));
      return checkReceiver(wallet, facts);
    },

    async checkTransfer({ from, to, quantity }) {
      const facts = await withRegistries((using) =>
        readTransfer(client, { token, settlement, from, to, quantity }, using),
      );
      if (facts.isPaused) return refusal('TOKEN_PAUSED', 'Transfers of the token are paused.');
      const receiver = await checkReceiver(to, facts);
      if (!receiver.eligible || from === undefined || facts.seller === undefined) return receiver;
      const { seller } = facts;
      const sender = judgeSender(seller, from, quantity);
      if (!sender.eligible || seller.isCompliant) return sender;
      return explainCompliance(client, facts.compliance, { from, to, quantity });
    },

    async checkSender({ from, quantity }) {
      const facts = await readSender(client, { token, settlement, from });
      if (facts.isPaused) return refusal('TOKEN_PAUSED', 'Transfers of the token are paused.');
      return judgeSender(facts, from, quantity);
    },

    checkCash: (payment) => checkCash(client, payment),
  };
}

interface SenderFacts {
  readonly isFrozen: boolean;
  readonly balance: bigint;
  readonly frozenTokens: bigint;
  readonly allowance: bigint;
}

function judgeSender(facts: SenderFacts, from: Address, quantity: bigint): Eligibility {
  if (facts.isFrozen) return refusal('WALLET_FROZEN', `The wallet ${from} is frozen.`);
  const free = facts.balance - facts.frozenTokens;
  if (free < quantity) {
    const frozen = facts.frozenTokens > 0n ? ` (${facts.frozenTokens} more are frozen)` : '';
    return refusal(
      'BALANCE_TOO_LOW',
      `The wallet ${from} has ${free} free tokens${frozen}; ${quantity} are needed.`,
    );
  }
  if (facts.allowance < quantity) {
    return refusal(
      'ALLOWANCE_TOO_LOW',
      `The wallet ${from} approved ${facts.allowance} tokens for settlement; ${quantity} are needed.`,
    );
  }
  return { eligible: true };
}

async function readSender(
  client: Client,
  question: Pick<TransferQuestion, 'token' | 'settlement'> & { readonly from: Address },
): Promise<SenderFacts & { readonly isPaused: boolean }> {
  const { token, settlement, from } = question;
  const asToken = { address: token, abi: erc3643TokenAbi } as const;
  const [isPaused, isFrozen, balance, frozenTokens, allowance] = await multicall(client, {
    deployless: true,
    allowFailure: false,
    contracts: [
      { ...asToken, functionName: 'paused' },
      { ...asToken, functionName: 'isFrozen', args: [from] },
      { ...asToken, functionName: 'balanceOf', args: [from] },
      { ...asToken, functionName: 'getFrozenTokens', args: [from] },
      { ...asToken, functionName: 'allowance', args: [from, settlement] },
    ],
  });
  return { isPaused, isFrozen, balance, frozenTokens, allowance };
}

interface HolderFacts extends TokenRegistries {
  readonly isFrozen: boolean;
  readonly identity: Address;
  readonly isVerified: boolean;
}

interface TransferFacts extends HolderFacts {
  readonly isPaused: boolean;
  readonly seller?: SenderFacts & { readonly isCompliant: boolean };
}

async function readRegistries(client: Client, token: Address): Promise<TokenRegistries> {
  const [identityRegistry, compliance] = await multicall(client, {
    deployless: true,
    allowFailure: false,
    contracts: registryCalls(token),
  });
  return { identityRegistry, compliance };
}

function registryCalls(token: Address) {
  return [
    { address: token, abi: erc3643TokenAbi, functionName: 'identityRegistry' },
    { address: token, abi: erc3643TokenAbi, functionName: 'compliance' },
  ] as const;
}

function holderCalls(token: Address, wallet: Address, using: TokenRegistries) {
  const registry = { address: using.identityRegistry, abi: identityRegistryAbi } as const;
  return [
    ...registryCalls(token),
    { address: token, abi: erc3643TokenAbi, functionName: 'isFrozen', args: [wallet] },
    { ...registry, functionName: 'identity', args: [wallet] },
    { ...registry, functionName: 'isVerified', args: [wallet] },
  ] as const;
}

async function readHolder(
  client: Client,
  token: Address,
  wallet: Address,
  using: TokenRegistries,
): Promise<HolderFacts> {
  const [identityRegistry, compliance, isFrozen, identity, isVerified] = await multicall(client, {
    deployless: true,
    allowFailure: false,
    contracts: holderCalls(token, wallet, using),
  });
  const facts = { identityRegistry, compliance, isFrozen, identity, isVerified };
  return isSame(facts, using) ? facts : readHolder(client, token, wallet, facts);
}

interface TransferQuestion {
  readonly token: Address;
  readonly settlement: Address;
  readonly from: Address | undefined;
  readonly to: Address;
  readonly quantity: bigint;
}

async function readTransfer(
  client: Client,
  question: TransferQuestion,
  using: TokenRegistries,
): Promise<TransferFacts> {
  const { token, from, to } = question;
  const asToken = { address: token, abi: erc3643TokenAbi } as const;
  // Without a seller the same calls are made for the buyer, and their answers left aside: one shape.
  const seller = from ?? to;
  const [isPaused, sellerIsFrozen, balance, frozenTokens, allowance, isCompliant, ...holder] =
    await multicall(client, {
      deployless: true,
      allowFailure: false,
      contracts: [
        { ...asToken, functionName: 'paused' },
        { ...asToken, functionName: 'isFrozen', args: [seller] },
        { ...asToken, functionName: 'balanceOf', args: [seller] },
        { ...asToken, functionName: 'getFrozenTokens', args: [seller] },
        { ...asToken, functionName: 'allowance', args: [seller, question.settlement] },
        {
          address: using.compliance,
          abi: complianceAbi,
          functionName: 'canTransfer',
          args: [seller, to, question.quantity],
        },
        ...holderCalls(token, to, using),
      ],
    });
  const [identityRegistry, compliance, isFrozen, identity, isVerified] = holder;
  const facts: TransferFacts = {
    ...{ identityRegistry, compliance, isFrozen, identity, isVerified, isPaused },
    ...(from !== undefined && {
      seller: { isFrozen: sellerIsFrozen, balance, frozenTokens, allowance, isCompliant },
    }),
  };
  return isSame(facts, using) ? facts : readTransfer(client, question, facts);
}

async function checkCash(
  client: Client,
  payment: Parameters<PermissionedToken['checkCash']>[0],
): Promise<Eligibility> {
  const { cashToken, owner, spender, amount } = payment;
  const cash = { address: cashToken, abi: erc20Abi } as const;
  const [balance, allowance] = await multicall(client, {
    deployless: true,
    allowFailure: false,
    contracts: [
      { ...cash, functionName: 'balanceOf', args: [owner] },
      { ...cash, functionName: 'allowance', args: [owner, spender] },
    ],
  });
  if (balance < amount) {
    return refusal('CASH_TOO_LOW', `The wallet ${owner} has ${balance} cash; ${amount} is needed.`);
  }
  if (allowance < amount) {
    return refusal(
      'CASH_ALLOWANCE_TOO_LOW',
      `The wallet ${owner} approved ${allowance} cash for settlement; ${amount} is needed.`,
    );
  }
  return { eligible: true };
}

function isSame(found: TokenRegistries, using: TokenRegistries): boolean {
  return (
    isAddressEqual(found.identityRegistry, using.identityRegistry) &&
    isAddressEqual(found.compliance, using.compliance)
  );
}

function refusal(code: EligibilityCode, message: string): Eligibility {
  return { eligible: false, code, message };
}
