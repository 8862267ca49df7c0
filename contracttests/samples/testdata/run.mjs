// Runs the modules that lines of JSON name, each in a directory of its own. After the output of each stands, behind a NUL,
// what came of it.
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

for await (const line of createInterface({ input: process.stdin })) {
  const { path, dir } = JSON.parse(line);
  process.chdir(dir);
  try {
    await import(pathToFileURL(path));
    console.log("\0done");
  } catch (error) {
    console.log(error);
    console.log("\0failed");
  }
}
