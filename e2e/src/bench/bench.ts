/** What a bench has measured: names with their units at the end, numbers, nested as it suits. */
export type BenchResult = Readonly<Record<string, unknown>>;

export interface BenchNeeds {
  /** Load a peer from `e2e/bench-peers`, which is installed when a bench first asks for it. */
  readonly peer: (name: string) => Promise<unknown>;
  /** Tell a person what is going on; never a result. */
  readonly say: (text: string) => void;
}

/** One benchmark. It stands in a file of its own and in the list of `bench-list.ts`. */
export interface Bench {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  readonly run: (needs: BenchNeeds) => Promise<BenchResult>;
}
