import { defineConfig, type OxlintOverride } from 'oxlint';

/**
 * The project's one linter configuration. It is TypeScript, not JSON, so that the architecture
 * stands here as two short lists (packages, and the rooms inside node/src) and not as several
 * hundred lines of repeated patterns. `e2e/canary` proves on every check that it still bites.
 */

/** What each package may import of ours. The order of the keys is the order from the bottom up. */
const mayImport = {
  schema: [],
  adapters: ['@stoa/schema'],
  contracts: ['@stoa/schema'],
  // Tests of the node run a real chain, random cases from a seed, and sessions over TLS.
  node: [
    '@stoa/schema',
    '@stoa/adapters',
    '@stoa/adapters/seeded-random',
    '@stoa/adapters/testing/test-certificates',
    '@stoa/adapters/testing/quickfix-member',
    '@stoa/contracts',
    '@stoa/contracts/testing/anvil',
  ],
  // Of the node: its verified view of the market and the API of it, nothing that acts.
  // Its tests take their tokens, proofs and waits from where the node's tests do.
  gateway: [
    ...['@stoa/schema', '@stoa/contracts', '@stoa/node/observer', '@stoa/node/market-api'],
    ...['@stoa/node/testing/token-issuer', '@stoa/node/testing/proof-maker'],
    '@stoa/node/testing/until',
  ],
  // What runs at a client's, in browsers too: of ours the reading of money alone, which is built into it.
  'gateway/client': ['@stoa/schema/money'],
} as const;

/** The rooms of node/src from the top down: each imports only rooms that stand after it. */
const rooms = [
  'cli',
  'api',
  'fix-entry',
  'tracing',
  'streams',
  'access',
  'records',
  'venue',
  'orders',
  'routing',
  'settlement',
  'compliance',
  'market',
  'network',
  'store',
  'telemetry',
] as const;

/** Implementations of the VenueAdapter port, which never import each other. */
const venueAdapters = ['embedded', 'fix', 'rest'] as const;

const packages = [...Object.keys(mayImport), 'e2e'];

interface ImportBan {
  group?: string[];
  regex?: string;
  message: string;
}

const neverByPath: ImportBan = {
  regex: `^(\\.\\./)+(${packages.join('|')})/`,
  message: 'Import another package by its name (@stoa/NAME), never by a path into its folder.',
};

function packageDirection(name: keyof typeof mayImport): ImportBan {
  const allowed: readonly string[] = mayImport[name];
  return {
    // Like .gitignore: everything of ours is banned, then what may be imported is let in again.
    group: ['@stoa/*', '@stoa/*/**', ...allowed.map((specifier) => `!${specifier}`)],
    message: `${name} imports, of ours, only: ${allowed.join(', ') || 'nothing'}.`,
  };
}

/** oxlint lets the last matching override win whole, so each one repeats its package's bans. */
function bans(files: string, name: keyof typeof mayImport, ...more: ImportBan[]): OxlintOverride {
  return {
    files: [files],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [packageDirection(name), neverByPath, ...more] },
      ],
    },
  };
}

// Globs begin with **/ because `schema/**` silently matches nothing when oxlint is started from
// another folder.
const packageBans = (Object.keys(mayImport) as (keyof typeof mayImport)[]).map((name) =>
  bans(`**/${name}/**`, name),
);

const roomBans = rooms.map((room, index) => {
  const above = [
    ...rooms.slice(0, index).map((upper) => `${upper}/`),
    'parts/',
    '(main|config|node|observer|market-api)\\.ts$',
  ];
  return bans(`**/node/src/${room}/**`, 'node', {
    regex: `^(\\.\\./)+(${above.join('|')})`,
    message: `node/src/${room} imports only the rooms below it: ${rooms.slice(index + 1).join(', ') || 'none'}.`,
  });
});

const venueAdapterBans = venueAdapters.map((one) =>
  bans(`**/adapters/src/${one}/**`, 'adapters', {
    regex: `^(\\.\\./)+(${venueAdapters.filter((other) => other !== one).join('|')})/`,
    message: 'Implementations of the VenueAdapter port never import each other.',
  }),
);

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node'],
  categories: { correctness: 'error' },
  rules: {
    'typescript/no-floating-promises': ['error', { checkThenables: true }],
    'typescript/no-misused-promises': ['error', { checksVoidReturn: false }],
    'typescript/switch-exhaustiveness-check': [
      'error',
      { considerDefaultExhaustiveForUnions: true },
    ],
    'typescript/no-explicit-any': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-self-import': 'error',
    'import/no-default-export': 'error',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    // The environment is read once, in a process's main.ts.
    'node/no-process-env': 'error',
    'no-restricted-properties': [
      'error',
      { object: 'vi', property: 'mock', message: 'No module mocks: use the real thing.' },
      { object: 'vi', property: 'doMock', message: 'No module mocks: use the real thing.' },
    ],
    // Matters of taste, not of error: a text of digits is spread on purpose, grouped arguments too.
    'typescript/no-misused-spread': 'off',
    'unicorn/no-useless-spread': 'off',
    'unicorn/no-thenable': 'off',
  },
  overrides: [
    ...packageBans,
    ...roomBans,
    ...venueAdapterBans,
    // What a venue of one's own copies imports the package as they would; benches import everything.
    {
      files: ['**/adapters/template/**', '**/gateway/client/examples/**', '**/e2e/src/bench/**'],
      rules: { 'no-restricted-imports': 'off' },
    },
    {
      files: [
        ...['**/main.ts', '**/*.test.ts', '**/testing/**', '**/e2e/**', '**/*.config.ts'],
        // Each is a process of its own.
        '**/gateway/client/examples/**',
      ],
      rules: { 'node/no-process-env': 'off' },
    },
    { files: ['**/*.test.ts', '**/testing/**'], rules: { 'max-lines-per-function': 'off' } },
    { files: ['**/*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    {
      files: ['**/generated/**', '**/node/src/store/migrations/**'],
      rules: {
        'max-lines': 'off',
        'max-lines-per-function': 'off',
        'unicorn/filename-case': 'off',
        'typescript/no-explicit-any': 'off',
        'typescript/no-duplicate-type-constituents': 'off',
      },
    },
  ],
});
