import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Forbids imports of these groups, with the reason shown to whoever breaks the rule. */
const forbid = (message, ...group) => ({ group, message });

const onlyProcessSpawns = forbid(
  'Only adapters/process starts child processes (one place for time-outs, group kills and environments).',
  'node:child_process',
  'child_process',
  'execa',
);
const nobodyImportsTests = forbid('Nothing imports tests.', '**/test/**');

/** The import rules of docs/architecture.md: which folder may see which. */
const layer = (files, ...patterns) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [...patterns, nobodyImportsTests] }] },
});

export default tseslint.config(
  { ignores: ['node_modules', 'build', 'deploy/lab/kubernetes-build'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.mjs'] } } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      complexity: ['error', 14],
      'max-depth': ['error', 4],
      'max-params': ['error', 5],
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true, IIFEs: true }],
    },
  },
  { files: ['**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  {
    // node:test returns promises that the runner itself awaits.
    files: ['test/**/*.ts'],
    // `describe` holds all tests of a subject.
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      complexity: 'off',
      'max-lines-per-function': 'off',
    },
  },
  {
    // All runs of a worker share these modules (ADR 17).
    files: ['workflows/**/*.ts', 'domain/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
          message: 'State of one run would be seen by the others.',
        },
      ],
    },
  },
  layer(['domain/**/*.ts'], {
    regex: '^[^.]|/(adapters|activities|workflows|workers|watcher|cli|config|deploy)/',
    message: 'domain/ is pure: it imports nothing but itself.',
  }),
  layer(
    ['workflows/**/*.ts'],
    forbid('Workflows import domain, @temporalio/workflow and types of activities only.', '**/adapters/**'),
    forbid('Workflows run in a sandbox without Node.', 'node:*'),
    forbid('Not in the workflow bundle.', 'zod', '@kubernetes/**', 'etcd3', 'pino', 'prom-client', 'ipaddr.js'),
    forbid('Not in the workflow bundle.', '@temporalio/worker', '@temporalio/client', '@temporalio/activity'),
    onlyProcessSpawns,
  ),
  layer(
    ['activities/**/*.ts'],
    forbid(
      'Activities get their adapters injected; import types from domain/ports.',
      '**/adapters/**',
      '**/workflows/**',
    ),
    forbid('Activities know nothing of the processes around them.', '**/config/**', '**/watcher/**', '**/workers/**'),
    onlyProcessSpawns,
  ),
  layer(
    ['adapters/**/*.ts'],
    forbid(
      'Adapters serve the layers above and import none of them.',
      '**/activities/**',
      '**/workflows/**',
      '**/watcher/**',
    ),
    forbid('Adapters are configured by their callers.', '**/config/**', '**/workers/**', '**/cli/**'),
  ),
  layer(
    ['watcher/**/*.ts', 'cli/**/*.ts', 'workers/**/*.ts', 'config/**/*.ts'],
    forbid('Workflows are reached by name, never by import.', '**/workflows/**'),
    onlyProcessSpawns,
  ),
  layer(
    ['cni/**/*.ts'],
    forbid(
      'The CNI executable is small: it holds domain/ and what Node brings.',
      ...['**/adapters/**', '**/activities/**', '**/config/**', '**/workers/**', '**/watcher/**', '**/cli/**'],
    ),
    onlyProcessSpawns,
  ),
  // Not a part of the executable.
  layer(['cni/build.ts'], onlyProcessSpawns),
  layer(['deploy/**/*.ts'], onlyProcessSpawns),
);
