/** `npm run build`: the controller as one file, which is all that the image holds beside Node. */
import { mkdirSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { root } from './process.ts';

/**
 * How the controller's process is started, in the image and in the benches: between them these take a quarter off its
 * memory. V8 keeps its young generation and its code small, and malloc keeps one arena instead of eight per core.
 */
export const nodeFlags = ['--max-semi-space-size=1', '--optimize-for-size'] as const;
export const processEnv = { MALLOC_ARENA_MAX: '1' } as const;

export interface BundleOptions {
  /** Where the bundle goes; its source map goes beside it with `.map` added. */
  readonly outfile: string;
  /** Folder with `src/` and, in it or above it, `node_modules/`. Default: this clone. */
  readonly sources?: string;
}

/**
 * Loads Node's own modules by `require`, each when the first module that wants it runs. An `import` of `node:http`
 * reads everything the module exports, `WebSocket` among it, and that loads the whole of Node's `fetch`: 13 MiB.
 */
const requireBuiltins: Plugin = {
  name: 'require-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z_:/0-9]+$/ }, ({ path, kind, namespace }) =>
      kind === 'import-statement' && namespace !== 'builtin' && isBuiltin(path)
        ? { path, namespace: 'builtin', sideEffects: false }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/** The program of the thread for CEL, as a text in the bundle: it is loaded into a thread of its own, and only there. */
const embedWorker: Plugin = {
  name: 'embed-worker',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]drivers[\\/]cel-source\.ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({
        entryPoints: [resolve(dirname(path), 'cel-worker.ts')],
        bundle: true,
        write: false,
        platform: 'node',
        target: 'node24',
        format: 'cjs',
        minify: true,
        legalComments: 'none',
      });
      return { contents: `export const celWorker = ${JSON.stringify(outputFiles[0]?.text ?? '')};` };
    });
  },
};

/**
 * Bundles `src/main.ts` for Node 24. The same sources give the same bytes, wherever and whenever it is built.
 * @throws when a source does not compile; nothing is written then
 */
export async function buildBundle({ outfile, sources = root }: BundleOptions): Promise<void> {
  mkdirSync(dirname(resolve(outfile)), { recursive: true });
  await build({
    absWorkingDir: sources,
    entryPoints: ['src/main.ts'],
    outfile: resolve(outfile),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    plugins: [requireBuiltins, embedWorker],
    // Optional native parts of `ws`, which does without them.
    external: ['bufferutil', 'utf-8-validate'],
    // CommonJS dependencies call require(); the name is ours so that no identifier of the bundle meets it.
    banner: {
      js: "import { createRequire as belayCreateRequire } from 'node:module'; const require = belayCreateRequire(import.meta.url);",
    },
    logLevel: 'warning',
    logLimit: 20,
  });
}

const defaultOutfile = resolve(root, 'dist/main.mjs');
const usage = `Usage: npm run build [-- OPTIONS]

Bundles the controller, and belay simulate with it, into one file for Node 24.

  --outfile FILE   where it goes; its source map goes beside it. Default: dist/main.mjs
  -h, --help       print this
`;

function parse() {
  try {
    return parseArgs({
      options: {
        outfile: { type: 'string', default: defaultOutfile },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

if (import.meta.main) {
  const values = parse();
  if (values.help) {
    console.log(usage);
  } else {
    await buildBundle({ outfile: values.outfile });
    console.log(`${values.outfile}: ${(statSync(values.outfile).size / 1024 / 1024).toFixed(2)} MiB`);
  }
}
