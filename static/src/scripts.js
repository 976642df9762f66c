// Builds ../built/site.js, the one script of every page: htmx, its socket extension and our modules. Run by `npm run build`.
// One file and in this order, as htmx starts right after the script that it is in: what extends it has to be there by then.
import { buildSync } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const VENDORED = ["vendor/htmx.min.js", "vendor/hx-ws.min.js"];

const ours = buildSync({
  absWorkingDir: new URL("..", import.meta.url).pathname, // so that paths begin there
  entryPoints: ["js/site.js"],
  bundle: true,
  minify: true,
  format: "iife", // leaves nothing on the window
  target: "es2022",
  charset: "utf8",
  metafile: true,
  write: false,
});
// The tests compare this with the sources, so that nobody needs Node to see that it is up to date.
const sources = [...VENDORED, ...Object.keys(ours.metafile.inputs).sort()];
const contents = sources.map((path) => readFileSync(`../${path}`));
const hash = createHash("sha256").update(Buffer.concat(contents)).digest("hex");

mkdirSync("../built", { recursive: true });
writeFileSync(
  "../built/site.js",
  `// Built by \`make js\` from ${sources.join(" ")}\n// sha256 of these ${hash}\n` +
    VENDORED.map((path) => `${readFileSync(`../${path}`, "utf8").trim()}\n`).join("") +
    ours.outputFiles[0].text,
);
