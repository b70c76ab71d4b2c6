/** What a bench has measured: names with their units at the end, numbers, nested as it suits. */
export type BenchResult = Readonly<Record<string, unknown>>;

export interface BenchNeeds {
  /** Load a peer from `e2e/bench-peers`, which is installed when a bench first asks for it. */
  readonly peer: (name: string) => Promise<unknown>;
  /** Tell a person what is going on; never a result. */
  readonly say: (text: string) => void;
  /** The value of one of the bench's own options, as given or its default. */
  readonly option: (name: string) => number;
  /** The word given for one of the bench's choices; undefined: none was. */
  readonly chosen: (name: string) => string | undefined;
}

/** A number that a run can be given, as `--name N`: a whole one, above 0. */
export interface BenchOption {
  /** One line for `--help`. */
  readonly about: string;
  readonly default: number;
}

/** One word of a list that a run can be given, as `--name WORD`. */
export interface BenchChoice {
  /** One line for `--help`. */
  readonly about: string;
  readonly choices: readonly string[];
}

/** One benchmark. It stands in a file of its own and in the list of `bench-list.ts`. */
export interface Bench {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  readonly options?: Readonly<Record<string, BenchOption>>;
  readonly choices?: Readonly<Record<string, BenchChoice>>;
  readonly run: (needs: BenchNeeds) => Promise<BenchResult>;
}
