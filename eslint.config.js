import tseslint from 'typescript-eslint';
import { arrows } from './scripts/lint/arrows.js';
import { ownKeys } from './scripts/lint/own-keys.js';

/** On every floor above it. */
const ground = ['model', 'util'];
const links = [...ground, 'hosts/link'];
const cri = [...links, 'hosts/cri'];
/**
 * The rooms of the house, floor by floor from the ground: which room may import which. Every arrow points
 * down. A room that is not here does not exist; docs/architecture.md says what each is for.
 */
const rooms = {
  model: [],
  util: ['model'],
  telemetry: ground,
  kube: ground,

  'hosts/link': ground,
  'hosts/cri': ground,
  'hosts/go-http': links,
  'hosts/far': links,
  'hosts/unix': [...links, 'hosts/far'],
  'hosts/ssh': [...links, 'hosts/far'],
  'hosts/tcp': [...cri, 'hosts/far'],
  hosts: [...cri, 'hosts/ssh', 'hosts/tcp', 'hosts/unix'],

  node: [...ground, 'kube', 'hosts'],

  usage: [...cri, 'hosts'],

  'resources/admission': ground,
  'resources/resize': ground,
  'resources/cgroups': cri,
  'resources/cpus': cri,
  'resources/eviction': [...cri, 'hosts'],
  resources: [...ground, 'resources/admission', 'resources/resize'],

  'runtime/decide': ground,
  'runtime/observed': [...ground, 'hosts/cri'],
  'runtime/logs': [...cri, 'hosts'],
  'runtime/spec': [...cri, 'hosts', 'runtime/decide'],
  'runtime/images': [...cri, 'runtime/spec'],
  'runtime/resize': [...cri, 'resources/cgroups', 'runtime/decide', 'runtime/spec'],
  'runtime/stop': [...cri, 'hosts/go-http', 'runtime/spec'],
  'runtime/gc': [...cri, 'runtime/spec', 'runtime/stop'],
  'runtime/start': [
    ...cri,
    ...['decide', 'images', 'observed', 'resize', 'spec', 'stop'].map((room) => `runtime/${room}`),
  ],
  'runtime/pod': [...cri, ...['gc', 'spec', 'start', 'stop'].map((room) => `runtime/${room}`)],

  'pods/probes': [...cri, 'hosts', 'hosts/go-http', 'runtime/decide'],
  'pods/volumes': links,
  'pods/status': [
    ...links,
    'resources/resize',
    ...['decide', 'logs', 'resize', 'spec'].map((room) => `runtime/${room}`),
  ],
  pods: [
    ...ground,
    'hosts',
    'pods/status',
    'pods/volumes',
    ...['decide', 'images', 'pod', 'spec', 'start'].map((room) => `runtime/${room}`),
  ],

  'sync/workers': ground,
  'sync/sources': [...ground, 'hosts/cri', 'runtime/observed'],
  'sync/pool': [...ground, 'resources/admission'],
  sync: [...ground, 'resources/admission', 'sync/workers'],

  'api/http': ground,
  'api/spdy': ground,
  'api/port-forward': [...ground, 'api/http', 'api/spdy'],
  'api/remote-command': [...ground, 'api/http', 'api/spdy'],
  'api/server': [...ground, 'api/http', 'api/port-forward', 'api/remote-command'],
  'api/handlers': [...links, 'hosts', 'runtime/logs', 'usage', 'api/http', 'api/server'],
};
const below = Object.keys(rooms);
Object.assign(rooms, {
  'app/config': ground,
  'app/cluster': [...below, 'app/config'],
  'app/host': [...below, 'app/config', 'app/cluster'],
  'app/node': [...below, 'app/config', 'app/cluster', 'app/host'],
  app: [...below, 'app/config', 'app/cluster', 'app/node'],
  'app/check': [...below, 'app', 'app/config', 'app/node'],
  'app/status': [...below, 'app/config'],
  'app/drain': [...below, 'app/status'],
  'app/support': [...below, 'app/status'],
  'app/command-line': [
    ...below,
    ...['check', 'config', 'drain', 'status', 'support'].map((room) => `app/${room}`),
  ],
  main: [...ground, 'node', 'telemetry', 'app', 'app/check', 'app/command-line', 'app/config'],
});

/**
 * Each outside library belongs to few rooms (types of the API objects to model as well); ADR 5 says why it is
 * there.
 */
const libraries = {
  '@kubernetes/client-node': ['kube'],
  undici: ['kube'],
  '@grpc/grpc-js': ['hosts/cri', 'telemetry'],
  '@grpc/proto-loader': ['hosts/cri'],
  ssh2: ['hosts/ssh'],
  fastify: ['api/server'],
  ws: ['api/http', 'api/port-forward', 'api/remote-command', 'hosts/tcp'],
  'lru-cache': ['kube', 'util'],
  'prom-client': ['telemetry'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/core': ['telemetry'],
  '@opentelemetry/otlp-transformer': ['telemetry'],
  '@opentelemetry/resources': ['telemetry'],
  '@opentelemetry/sdk-trace': ['telemetry'],
  pino: ['telemetry'],
  'pino-pretty': ['telemetry'],
  '@peculiar/x509': ['util'],
  'reflect-metadata': ['util'],
  'tar-stream': ['app/support'],
  zod: ['app/config'],
  yaml: ['app/config'],
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/hosts/cri/generated/', '.cache/', 'coverage/'] },
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
  {
    files: ['src/**/*.ts'],
    ignores: ['src/**/*.test.ts', 'src/testing/**', 'src/hosts/cri/generated/**'],
    plugins: { house: { rules: { arrows } } },
    rules: {
      'house/arrows': ['error', { root: `${import.meta.dirname}/src`, rooms, libraries }],
      'no-restricted-imports': [
        'error',
        ...['node:timers', 'node:timers/promises'].map((name) => ({
          name,
          message: 'take a Clock (util/clock.ts)',
        })),
      ],
    },
  },
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
  {
    files: ['**/*.ts'],
    ignores: ['src/hosts/cri/generated/**'],
    rules: {
      // how wide code is, prettier says
      'max-len': ['error', { code: 1_000, comments: 110, ignoreUrls: true, ignorePattern: 'eslint-disable' }],
    },
  },
  { files: ['e2e/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['eslint.config.js', 'scripts/lint/*.js'], ...tseslint.configs.disableTypeChecked },
  { files: ['eslint.config.js'], rules: { 'no-restricted-exports': 'off' } },
);
