import { auditCommand } from './audit-command.ts';
import { type Command, type CommandOutput, EXIT } from './command.ts';
import { proofCommand } from './proof-command.ts';
import { registryCommand } from './registry-command.ts';
import { tokenCommand } from './token-command.ts';
import { verifyCommand } from './verify-command.ts';

const COMMANDS: readonly Command[] = [
  ...[verifyCommand, auditCommand, registryCommand, tokenCommand, proofCommand],
];

/** Runs the command that the arguments name; resolves with the exit code, whatever happens. */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    output.err(usage());
    return name === undefined ? EXIT.unusable : EXIT.ok;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) {
    output.err(`There is no command "${name}".\n\n${usage()}`);
    return EXIT.unusable;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    output.err(command.help);
    return EXIT.ok;
  }
  try {
    return await command.run(rest, output);
  } catch (error) {
    output.err(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.unusable;
  }
}

function usage(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: stoa COMMAND [OPTIONS]\n\n${lines.join('\n')}\n\nstoa COMMAND --help says more.\n`;
}
