import { parseArgs } from 'node:util';
import { type Command, EXIT } from './command.ts';
import { readRegistry } from './registry-reading.ts';

const HELP = `Usage: stoa registry --rpc URL --registry MEMBERS,LISTINGS

Prints what the on-chain registries say as JSON: members with their node keys, and listings. Keep it as
a file, and "stoa verify --keys FILE" holds receipts against it without a network.

  --rpc URL                     JSON-RPC of the chain
  --registry MEMBERS,LISTINGS   addresses of the member registry and the listing registry

Examples:
  stoa registry --rpc http://127.0.0.1:8545 --registry 0x5fbd…,0xe7f1… > registry.json
  stoa verify receipt.json --keys registry.json
`;

/** `stoa registry`: an export to verify against offline. */
export const registryCommand: Command = {
  name: 'registry',
  summary: 'print the members, keys and listings of the on-chain registries',
  help: HELP,
  async run(args, { out, err }) {
    const { values } = parseArgs({
      args: [...args],
      options: { rpc: { type: 'string' }, registry: { type: 'string' } },
    });
    if (values.rpc === undefined || values.registry === undefined) {
      err(HELP);
      return EXIT.unusable;
    }
    out(`${JSON.stringify(await readRegistry(values.rpc, values.registry), undefined, 2)}\n`);
    return EXIT.ok;
  },
};
