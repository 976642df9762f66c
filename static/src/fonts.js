// Builds ../fonts/ from Inter, as small as pages can do with. Run by `npm run build`. A browser fetches a file when a page
// has one of its letters (unicode-range in app.css): the first for every page, the others for names that need them.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import subsetFont from "subset-font";

const inter = "node_modules/@fontsource-variable/inter";
const letters = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => String.fromCodePoint(from + n)).join("");

const BASIC = letters(0x20, 0x7e) + "\u00a0£©·×–—‘’“”•…€←→−";
const FILES = {
  "inter-basic-latin": ["latin", BASIC],
  "inter-latin-1": ["latin", letters(0xa1, 0xff) + letters(0x2000, 0x206f) + "ıŒœʻʼˆ˚˜\u0304\u0308\u0329™↑↓∕\ufeff\ufffd"],
  "inter-latin-ext": [
    "latin-ext",
    letters(0x100, 0x2ff) + letters(0x1d00, 0x1dbf) + letters(0x1e00, 0x1eff) + letters(0x2c60, 0x2c7f) +
      letters(0xa720, 0xa7ff) + letters(0x20a0, 0x20c0) + "\u0304\u0308\u0329†ℓ",
  ],
};

rmSync("../fonts", { recursive: true, force: true });
mkdirSync("../fonts");
for (const [name, [from, text]] of Object.entries(FILES)) {
  const own = name === "inter-basic-latin" ? text : [...text].filter((letter) => !BASIC.includes(letter)).join("");
  const font = await subsetFont(readFileSync(`${inter}/files/inter-${from}-opsz-normal.woff2`), own, {
    targetFormat: "woff2",
    variationAxes: { wght: { min: 400, max: 700 } }, // and the optical sizes, all
    // Figures of one width, the colon between them, accents.
    keepFeatures: ["kern", "tnum", "calt", "ccmp", "locl", "mark", "mkmk"],
  });
  writeFileSync(`../fonts/${name}.woff2`, font);
}
copyFileSync(`${inter}/LICENSE`, "../fonts/LICENSE.txt");
