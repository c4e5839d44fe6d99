/** Bundles src/main.ts into dist/: one tree-shaken file, and a launcher that an older Node may start. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';

/** The Kubernetes client does not say that its thousands of models have no side effects; farlet uses none of them. */
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

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/farlet.js',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  legalComments: 'linked',
  // names stay, for stack traces that can be read
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [unusedModels],
  // ssh2 does without its native parts
  external: ['cpu-features', '*.node'],
  // some dependencies are CommonJS: they ask for Node's own modules by require, and for their folder
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __dirname = import.meta.dirname;",
  },
  logLevel: 'warning',
});

const launcher = `#!/usr/bin/env node
// Starts farlet: with the Node that the checkout pins if this one is too old for its dependencies, and, to run nodes,
// with a small young generation, a heap that grows by little, and an allocator that gives memory back (docs/adr/0011).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const [major, minor] = process.versions.node.split('.').map(Number);
const isRecent = major > 22 || (major === 22 && minor >= 19);
const bundle = fileURLToPath(new URL('./farlet.js', import.meta.url));
const pinned = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const flags = ['--max-semi-space-size=2', '--heap-growing-percent=25'];
const env = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072', ...process.env };

if (isRecent && args[0] !== 'run') await import(bundle);
// the same process: its pid and whoever waits for it stay
else if (isRecent) process.execve(process.execPath, [process.execPath, ...flags, bundle, ...args], env);
else if (!existsSync(pinned)) {
  process.stderr.write('farlet: Node ' + process.versions.node + ' is too old: 22.19 or newer is needed (npm ci brings one along)\\n');
  process.exit(1);
} else {
  const child = spawn(pinned, [...flags, bundle, ...args], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}
`;
writeFileSync('dist/main.js', launcher);
chmodSync('dist/main.js', 0o755);
