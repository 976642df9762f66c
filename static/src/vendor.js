// Copies what the site serves from npm packages: htmx and its socket extension, and ALTCHA's solver. Run by `npm run build`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;

const scripts = { "htmx.min.js": "dist/htmx.min.js", "hx-ws.min.js": "dist/ext/hx-ws.min.js" };
mkdirSync("../vendor", { recursive: true });
const rows = Object.entries(scripts).map(([name, path]) => {
  const content = readFileSync(`node_modules/htmx.org/${path}`);
  writeFileSync(`../vendor/${name}`, content);
  return `| ${name} | htmx.org ${version("htmx.org")}, \`${path}\` | \`${createHash("sha256").update(content).digest("hex")}\` |`;
});
const worker = readFileSync("node_modules/altcha/dist/workers/pbkdf2.js");
writeFileSync("../vendor/altcha-pbkdf2.js", worker);
rows.push(`| altcha-pbkdf2.js | altcha ${version("altcha")}, \`dist/workers/pbkdf2.js\` | \`${createHash("sha256").update(worker).digest("hex")}\` |`);
writeFileSync(
  "../vendor/README.md",
  `# Vendored scripts

Unchanged copies from npm, written by \`npm run vendor\` in \`static/src\`. Licences: Zero-Clause BSD (htmx), MIT (altcha).

| file | from | sha256 |
|---|---|---|
${rows.join("\n")}
`,
);
