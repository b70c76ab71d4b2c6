import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that keep both cores busy by themselves, mostly with a whole network of processes; the longest first. */
const HEAVY = [
  'e2e/src/scenario/order-crash.test.ts',
  'e2e/src/demo/demo.test.ts',
  'e2e/src/scenario/network.test.ts',
  'contracts/src/solidity.test.ts',
  'e2e/src/client/client.test.ts',
  'e2e/src/bench/settlement/kill-loop.test.ts',
  'e2e/src/scenario/outside-systems.test.ts',
  'contracts/src/generated.test.ts',
];

/**
 * The order of the test files of a run, of which two run at a time: the heavy ones are spread over it, so that
 * what runs beside one is light, and none is left over for the end to run alone. vitest itself begins with the
 * largest files, and the heavy ones are small: they all came last, beside each other.
 */
export class NetworksApart extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number =>
      HEAVY.findIndex((name) => moduleId.endsWith(`/${name}`));
    const heavy = sorted.filter((file) => rank(file) >= 0).sort((a, b) => rank(a) - rank(b));
    const light = sorted.filter((file) => rank(file) < 0);
    const share = Math.ceil(light.length / Math.max(1, heavy.length));
    const spread = heavy.flatMap((file, index) => [
      file,
      ...light.slice(index * share, (index + 1) * share),
    ]);
    return heavy.length === 0 ? light : spread;
  }
}
