import {
  jurisdictionModuleAbi,
  jurisdictionModuleBytecode,
  maximumHoldersModuleAbi,
  maximumHoldersModuleBytecode,
  rule144ModuleAbi,
  rule144ModuleBytecode,
  transferLimitsModuleAbi,
  transferLimitsModuleBytecode,
} from '@stoa/contracts';
import { type Abi, type Address, encodeFunctionData, parseAbi, parseUnits } from 'viem';
import type { ChainWriter } from '../../chain/chain-writer.ts';
import type { TrexToken } from '../../chain/deploy-trex.ts';

const complianceAbi = parseAbi([
  'function addModule(address module)',
  'function callModuleFunction(bytes data, address module)',
]);
const unitedStates = 840;
const day = 86_400;

/**
 * Puts four of our compliance modules on the token, as an issuer under Rule 506(c) might have them:
 * jurisdiction, maximum holders, a daily limit, and Rule 144 with its lots. VenueOnlyModule is left
 * out: it would refuse the bare transfers that settlement is compared with.
 */
export async function bindModules(
  writer: ChainWriter,
  trex: TrexToken,
  wallets: readonly Address[],
): Promise<void> {
  const to = trex.addresses.compliance;
  const bind = async (
    abi: Abi,
    bytecode: string,
    configuration: Readonly<Record<string, readonly unknown[]>>,
  ) => {
    const module = await writer.deploy({ abi, bytecode });
    await writer.write({ to, abi: complianceAbi, functionName: 'addModule', args: [module] });
    for (const [functionName, args] of Object.entries(configuration)) {
      const data = encodeFunctionData({ abi, functionName, args });
      const call = { functionName: 'callModuleFunction', args: [data, module] };
      await writer.write({ to, abi: complianceAbi, ...call });
    }
    return module;
  };
  await bind(jurisdictionModuleAbi, jurisdictionModuleBytecode, {
    setMode: [true],
    setCountries: [[unitedStates], true],
  });
  const holders = await bind(maximumHoldersModuleAbi, maximumHoldersModuleBytecode, {
    setMaximum: [2_000],
  });
  // The module was bound after the tokens were issued.
  await writer.write({
    to: holders,
    abi: maximumHoldersModuleAbi,
    functionName: 'recount',
    args: [to, wallets],
  });
  await bind(transferLimitsModuleAbi, transferLimitsModuleBytecode, {
    setLimits: [[{ seconds_: day, maximum: parseUnits('1000000', 18) }]],
  });
  await bind(rule144ModuleAbi, rule144ModuleBytecode, {
    setRules: [180, 100, 0n, true],
  });
}
