/** Where a command writes, and what it gives back: the exit code. */
export interface CommandOutput {
  /** For programs: what was asked for, and nothing else. */
  readonly out: (text: string) => void;
  /** For people. */
  readonly err: (text: string) => void;
}

/** One command of `stoa`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  run(args: readonly string[], output: CommandOutput): Promise<number>;
}

/** It is as it should be; it is not; or nothing could be said, because what was given is of no use. */
export const EXIT = { ok: 0, no: 1, unusable: 2 } as const;
