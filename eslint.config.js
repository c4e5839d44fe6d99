import tseslint from 'typescript-eslint';
import { ownKeys } from './scripts/lint/own-keys.js';

/** Which folder may import which: everything flows one way. `model`, `util` and `telemetry` are open to all. */
const arrows = {
  model: [],
  util: ['model'],
  telemetry: ['model', 'util'],
  config: ['model', 'util'],
  cri: ['model', 'util', 'telemetry'],
  hosts: ['cri', 'model', 'util', 'telemetry'],
  'go-http': ['hosts', 'model', 'util', 'telemetry'],
  kube: ['model', 'util', 'telemetry'],
  node: ['kube', 'hosts', 'cri', 'model', 'util', 'telemetry'],
  eviction: ['cri', 'hosts', 'model', 'util', 'telemetry'],
  cgroups: ['cri', 'hosts', 'model', 'util', 'telemetry'],
  cpus: ['cri', 'hosts', 'model', 'util', 'telemetry'],
  resize: ['model', 'util', 'telemetry'],
  runtime: ['cgroups', 'cri', 'go-http', 'hosts', 'model', 'util', 'telemetry'],
  volumes: ['hosts', 'kube', 'model', 'util', 'telemetry'],
  probes: ['go-http', 'hosts', 'cri', 'model', 'util', 'telemetry'],
  pods: ['cgroups', 'resize', 'runtime', 'volumes', 'probes', 'kube', 'hosts', 'model', 'util', 'telemetry'],
  workers: ['model', 'util', 'telemetry'],
  sources: ['kube', 'runtime', 'cri', 'hosts', 'model', 'util', 'telemetry'],
  sync: ['workers', 'model', 'util', 'telemetry'],
  pool: ['sync', 'model', 'util', 'telemetry'],
  server: ['model', 'util', 'telemetry'],
};
/** Each outside library belongs to one folder (types of the API objects to model as well). */
const libraries = {
  '@kubernetes/client-node': ['kube'],
  undici: ['kube'],
  '@grpc/grpc-js': ['cri'],
  '@grpc/proto-loader': ['cri'],
  ssh2: ['hosts'],
  fastify: ['server'],
  'prom-client': ['telemetry'],
  pino: ['telemetry'],
  'pino-pretty': ['telemetry'],
  zod: ['config'],
  yaml: ['config'],
};

const folders = Object.keys(arrows);

function zone(folder) {
  const closed = folders.filter((other) => other !== folder && !arrows[folder].includes(other));
  const foreign = Object.keys(libraries).filter((library) => !libraries[library].includes(folder));
  return {
    files: [`src/${folder}/**/*.ts`],
    ignores: ['src/**/*.test.ts', 'src/cri/generated/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            ...foreign.map((name) => ({
              name,
              message: `only src/${libraries[name].join(', ')} imports it`,
              allowTypeImports: folder === 'model',
            })),
            ...['node:timers', 'node:timers/promises'].map((name) => ({
              name,
              message: 'take a Clock (util/clock.ts)',
            })),
          ],
          patterns: [
            ...(closed.length === 0
              ? []
              : [
                  {
                    group: closed.map((other) => `../${other}/*`),
                    message: `src/${folder} may import: ${arrows[folder].join(', ')}`,
                  },
                ]),
            { group: ['../app.ts', '../main.ts'], message: 'nothing imports the composition root' },
          ],
        },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/cri/generated/', '.cache/', 'coverage/'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'scripts/lint/*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/util/clock.ts', 'src/**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'take a Clock' },
        {
          object: 'AbortSignal',
          property: 'timeout',
          message: 'limitSignal (util/abort.ts) is right for any length',
        },
      ],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval'].map((name) => ({ name, message: 'take a Clock (util/clock.ts)' })),
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/model/percent-decode.ts', 'src/**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Identifier[name=/^decodeURI(?:Component)?$/]',
          message: 'it throws for a bare %: take percentDecoded (model/percent-decode.ts)',
        },
        // what a listener throws ends the process
        ...[
          'CallExpression[callee.object.name="JSON"][callee.property.name="parse"]',
          'NewExpression[callee.name="URL"]',
        ].map((parser) => ({
          selector: `CallExpression[callee.property.name=/^(?:on|once|addListener|addEventListener)$/] > :function ${parser}`,
          message: 'it throws, and nobody catches what a listener throws: see util/guarded.ts',
        })),
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/model/own.ts', 'src/**/*.test.ts', 'src/testing/**'],
    plugins: { farlet: { rules: { 'own-keys': ownKeys } } },
    rules: { 'farlet/own-keys': 'error' },
  },
  ...folders.map(zone),
  {
    files: ['src/**/*.test.ts', 'e2e/**/*.ts', 'bench/**/*.test.ts'],
    rules: {
      // node:test's describe and it return promises that the runner itself awaits
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['describe', 'it', 'test', 'suite'], package: 'node:test' },
          ],
        },
      ],
    },
  },
  { files: ['e2e/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['eslint.config.js', 'scripts/lint/*.js'], ...tseslint.configs.disableTypeChecked },
  { files: ['eslint.config.js'], rules: { 'no-restricted-exports': 'off' } },
);
