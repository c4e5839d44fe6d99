/**
 * Bundles src/main.ts into dist/: one tree-shaken file, beside it what is loaded only where it is
 * configured, and a launcher that an older Node may start.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';
import { forFewHosts } from '../src/app/node-flags.ts';
import { slimDependencies } from './slim-dependencies.ts';

/**
 * The Kubernetes client does not say that its thousands of models have no side effects; farlet uses none of
 * them.
 */
const unusedModels: Plugin = {
  name: 'unused-models',
  setup(bundler) {
    bundler.onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      const ofClient = path === '@kubernetes/client-node' || importer.includes('@kubernetes/client-node');
      if (!ofClient || pluginData === unusedModels) return undefined;
      const resolved = await bundler.resolve(path, { importer, resolveDir, kind, pluginData: unusedModels });
      return { ...resolved, sideEffects: false };
    });
  },
};

/** What is built: $FARLET_COMMIT where there is no repository, as in an image's build. */
function commit(): string {
  const given = process.env.FARLET_COMMIT;
  if (given !== undefined && given !== '') return given;
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--', 'src', 'scripts', 'package-lock.json') !== '';
    return `${git('rev-parse', 'HEAD')}${isChanged ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: { farlet: 'src/main.ts' },
  outdir: 'dist',
  bundle: true,
  // what is imported dynamically gets a file of its own, and so does what both need
  splitting: true,
  chunkNames: '[name]-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  legalComments: 'linked',
  minifySyntax: true,
  // half the text, all of it kept in memory; one character beyond ASCII in a comment would double it. Names
  // stay.
  minifyWhitespace: true,
  charset: 'ascii',
  lineLimit: 160,
  // undici's word for a bundle: it leaves its second, experimental HTTP/1 parser out
  define: { esbuildDetection: "'1'", farletCommit: JSON.stringify(commit()) },
  plugins: [slimDependencies, unusedModels],
  // ssh2 does without its native parts
  external: ['cpu-features', '*.node'],
  // some dependencies are CommonJS: they ask for Node's own modules by require, and for their folder
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __dirname = import.meta.dirname;",
  },
  logLevel: 'warning',
});

/** glibc: one arena for all threads, and what is freed goes back */
const mallocSettings = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' };
/**
 * Threads that wait for files and names: eight may be held by pods' files on servers that are silent
 * (src/hosts/unix/local-reads.ts), and libuv's four would be gone with the first four of those.
 */
const threadSettings = { UV_THREADPOOL_SIZE: '32' };

const launcher = `#!/usr/bin/env node
// Starts farlet in this process's place, with the memory settings of docs/adr/0008-memory.md. A Node that is too old
// for farlet's dependencies starts the one that the checkout pins.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const bundle = fileURLToPath(new URL('./farlet.js', import.meta.url));
const pinned = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const flags = [${forFewHosts.map((flag) => `'${flag}'`).join(', ')}];
const args = [bundle, ...process.argv.slice(2)];
const env = { ${Object.entries({ ...mallocSettings, ...threadSettings })
  .map(([name, value]) => `${name}: '${value}'`)
  .join(', ')}, ...process.env, FARLET_CALLED_AS: basename(process.argv[1]) };
const isNew = major > 22 || (major === 22 && minor >= 19);
// a channel to a parent would not outlive the exchange; where there is no execve, farlet runs with Node's defaults
// before anything has asked for a thread
process.env.UV_THREADPOOL_SIZE ??= env.UV_THREADPOOL_SIZE;
process.env.FARLET_CALLED_AS = env.FARLET_CALLED_AS;
if (isNew && (process.channel != null || process.execve === undefined)) await import(bundle);
else if (isNew) process.execve(process.execPath, [process.execPath, ...flags, ...process.execArgv, ...args], env);
else if (!existsSync(pinned)) {
  process.stderr.write('farlet: Node ' + process.versions.node + ' is too old: 22.19 or newer is needed (npm ci brings one along)\\n');
  process.exit(1);
} else {
  const child = spawn(pinned, [...flags, ...args], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}
`;
writeFileSync('dist/main.js', launcher);
chmodSync('dist/main.js', 0o755);
