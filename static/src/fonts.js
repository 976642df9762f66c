// Builds ../fonts/ from Inter, as small as pages can do with, and fonts.css, which says what is in which file. Run by
// `npm run build`. A browser fetches a file when a page has one of its letters: the first for every page.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import subsetFont from "subset-font";

const inter = "node_modules/inter-ui";
const FILES = {
  // What Latin pages in Europe are written with, without letters that hardly any name has.
  "inter-latin":
    "20-7E A0 A3 A9 B7 C0-107 10C-113 116-11B 11E-11F 122-123 12A-12B 12E-131 136-137 139-13E 141-148 150-155 158-15B 15E-165 " +
    "16A-16B 16E-17E 218-21B 1E9E 2013-2014 2018-2019 201C-201D 2022 2026 20AC 2190 2192 2212",
  "inter-latin-ext":
    "A1-A2 A4-A8 AA-B6 B8-BF 108-10B 114-115 11C-11D 120-121 124-129 12C-12D 132-135 138 13F-140 149-14F 156-157 15C-15D " +
    "166-169 16C-16D 17F-217 21C-36F 1D00-1DBF 1E00-1E9D 1E9F-1EFF 2000-2012 2015-2017 201A-201B 201E-2021 2023-2025 " +
    "2027-206F 20A0-20AB 20AD-20C0 2113 2122 2191 2193 2215 2C60-2C7F A720-A7FF",
};

function letters(ranges) {
  return ranges
    .split(" ")
    .flatMap((range) => {
      const [from, to = from] = range.split("-").map((code) => parseInt(code, 16));
      return Array.from({ length: to - from + 1 }, (_, n) => String.fromCodePoint(from + n));
    })
    .join("");
}

rmSync("../fonts", { recursive: true, force: true });
mkdirSync("../fonts");
const faces = [];
for (const [name, ranges] of Object.entries(FILES)) {
  const font = await subsetFont(readFileSync(`${inter}/variable/InterVariable.woff2`), letters(ranges), {
    targetFormat: "woff2",
    variationAxes: { wght: { min: 400, max: 700 } }, // and the optical sizes, all
    // Figures of one width, the colon between them, accents.
    keepFeatures: ["kern", "tnum", "calt", "ccmp", "locl", "mark", "mkmk"],
  });
  writeFileSync(`../fonts/${name}.woff2`, font);
  faces.push(`@font-face {
  font-family: "Inter Variable";
  font-style: normal;
  font-display: swap;
  font-weight: 400 700;
  src: url("../fonts/${name}.woff2") format("woff2");
  unicode-range: U+${ranges.replaceAll(" ", ", U+")};
}`);
}
writeFileSync("fonts.css", `/* Written by fonts.js. */\n${faces.join("\n")}\n`);
copyFileSync(`${inter}/LICENSE.txt`, "../fonts/LICENSE.txt");
