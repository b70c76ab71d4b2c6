interface Query {
  then(resolve: (rows: readonly string[]) => void, reject: (cause: unknown) => void): void;
}

async function persist(): Promise<void> {}

export function forget(select: () => Query): void {
  // Canary: a promise and a thenable (a database query) that nobody waits for. Both must be reported.
  persist();
  select();
}
