/**
 * Leaves out of the bundle what farlet never calls: code that is loaded costs memory whether it runs or not.
 * What is left out says so when it is asked for all the same.
 */
import type { Plugin } from 'esbuild';

interface Replacement {
  /** the import, as it is written */
  readonly path: RegExp;
  /** who imports it; absent: anyone */
  readonly importer?: RegExp;
  readonly contents: string;
}

/** undici without fetch, websockets, caches and mocks */
const undici = `
const Dispatcher = require('undici/lib/dispatcher/dispatcher');
Object.assign(Dispatcher.prototype, require('undici/lib/api'));
module.exports = {
  Dispatcher,
  Agent: require('undici/lib/dispatcher/agent'),
  ProxyAgent: require('undici/lib/dispatcher/proxy-agent'),
  buildConnector: require('undici/lib/core/connect'),
  fetch: () => { throw new Error('the bundle has no fetch of undici'); },
};`;

const absent = (what: string): string =>
  `module.exports = () => () => { throw new Error('the bundle has no ${what}'); };`;

const replacements: readonly Replacement[] = [
  { path: /^undici$/, contents: undici },
  // routes are checked by hand: farlet's have no schemas
  { path: /^@fastify\/ajv-compiler$/, contents: absent('compiler of schemas') },
  { path: /^@fastify\/fast-json-stringify-compiler$/, contents: absent('compiler of schemas') },
  { path: /^light-my-request$/, contents: absent('injected requests') },
  // an import statement of it asks for each of its exports, WebSocket among them: Node then loads a second
  // undici
  { path: /^(node:)?http$/, importer: /\//, contents: "module.exports = require('node:http');" },
  // the ids of machines, five files of it: traces name the host
  { path: /\/getMachineId\.mjs$/, importer: /@opentelemetry/, contents: absent('ids of machines') },
  // configuration errors are farlet's own texts, in one language
  { path: /\/locales\/index\.js$/, importer: /\/zod\//, contents: 'export {};' },
];

export const slimDependencies: Plugin = {
  name: 'slim-dependencies',
  setup(bundler) {
    const resolveDir = process.cwd();
    for (const [index, { path, importer = /./ }] of replacements.entries())
      bundler.onResolve({ filter: path }, (found) =>
        importer.test(found.importer)
          ? { path: String(index), namespace: 'slim', sideEffects: true }
          : undefined,
      );
    bundler.onLoad({ filter: /./, namespace: 'slim' }, ({ path }) => ({
      contents: replacements[Number(path)]?.contents ?? '',
      loader: 'js',
      resolveDir,
    }));
  },
};
