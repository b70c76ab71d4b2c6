/** What a bench's process can be asked for: the handlers, by name. */
export type Commands = Readonly<Record<string, (input: never) => unknown>>;

export interface CommandRequest {
  readonly id: number;
  readonly command: string;
  readonly input: unknown;
}

export type CommandReply =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: string };

/** Answers the parent's requests, side by side, and ends with it: nothing here outlives its bench. */
export function serveCommands(commands: Commands): void {
  const answer = async ({ id, command, input }: CommandRequest): Promise<CommandReply> => {
    try {
      const handler = commands[command];
      if (handler === undefined) throw new Error(`there is no command ${command}`);
      return { id, output: await handler(input as never) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (request: CommandRequest) => {
    // A parent that is gone hears nothing; the channel's end, below, says so.
    const onSent = (): void => undefined;
    void answer(request).then((reply) => process.send?.(reply, undefined, undefined, onSent));
  });
  process.on('disconnect', () => process.exit(0));
}
