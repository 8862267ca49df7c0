// Writes dist/: the modules as ESM and as CommonJS, with their types.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
for (const [folder, type, options] of [
  ["esm", "module", ["--module", "ESNext", "--moduleResolution", "Bundler"]],
  ["cjs", "commonjs", ["--module", "CommonJS", "--moduleResolution", "Node10"]],
]) {
  const compiler = fileURLToPath(import.meta.resolve("typescript/lib/tsc.js"));
  execFileSync(process.execPath, [compiler, "-p", root, ...options, "--outDir", `${root}dist/${folder}`], { stdio: "inherit" });
  writeFileSync(`${root}dist/${folder}/package.json`, `{ "type": "${type}" }\n`);
}
