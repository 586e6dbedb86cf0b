// Bundles src/cli/main.ts into the directory that is given: one entry, one chunk for each face, nothing loaded that a command
// does not need.
import { isBuiltin } from "node:module";
import { build, type Plugin } from "esbuild";

/**
 * Node's own modules are required, not imported: Node gives an imported one by its every name, which loads whatever stands
 * behind those. With node:http alone that is fetch and HTTP/2: 11 MB and 40 ms of processor time at each start.
 */
const requireBuiltins: Plugin = {
  name: "require-builtins",
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === "import-statement" && isBuiltin(path) ? { path, namespace: "builtin" } : undefined,
    );
    bundle.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: requiring(path),
    }));
  },
};

/** A module with the names of one of Node's, of which the bundle keeps those that are used. */
function requiring(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) =>
    /^\w+$/.test(name),
  );
  return [
    `const all = require(${JSON.stringify(path)});`,
    "export default all;",
    ...names.map((name) => `const _${name} = /* @__PURE__ */ (() => all.${name})();`),
    `export { ${names.map((name) => `_${name} as ${name}`).join(", ")} };`,
  ].join("\n");
}

const [, , directory] = process.argv;
if (directory === undefined) throw new Error("usage: bundle.ts DIRECTORY");
await build({
  entryPoints: ["src/cli/main.ts"],
  outdir: directory,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  splitting: true,
  entryNames: "main",
  chunkNames: "chunk-[hash]",
  minifySyntax: true,
  keepNames: true,
  sourcemap: "linked",
  logLevel: "warning",
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  plugins: [requireBuiltins],
});
