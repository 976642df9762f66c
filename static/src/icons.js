// Builds static/icons.svg, a sprite of the Lucide icons that the site uses. Run by `npm run build`.
// Names in templates are found by themselves; names that come from data are listed here.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FROM_DATA = {
  venues: ["map-pin", "phone", "video"],
  partsOfDay: ["sunrise", "sun", "sunset", "moon"],
  badges: ["hourglass", "circle-check", "check-check", "circle-slash", "circle-x", "timer-off", "timer", "user-x"],
  notes: ["calendar-sync", "message-square-text", "user-round", "info", "circle-alert", "mail", "ticket"],
  next: ["bell-plus", "bell-ring", "sparkle", "wifi-off", "refresh-cw", "loader-circle", "calendar-plus",
    "calendar-arrow-down", "log-out", "shield-check", "link", "inbox", "circle-check-big"],
  staff: ["circle-check", "user-check", "check-check", "user-x", "hourglass", "life-buoy", "users", "timer", "plus", "clock",
    "tree-palm", "ban", "coffee", "lock", "undo-2", "circle-dashed"],
  categories: ["stethoscope", "brain", "compass", "scale", "landmark", "briefcase", "briefcase-business", "heart-pulse", "heart",
    "graduation-cap", "book-open", "dumbbell", "apple", "salad", "music", "palette", "code", "laptop", "house", "wrench",
    "baby", "paw-print", "languages", "piggy-bank", "camera", "leaf", "activity", "hand-heart", "sparkles", "smile", "bike",
    "flower-2", "flower", "person-standing", "gavel", "calculator", "rocket", "users-round", "chef-hat", "utensils", "carrot",
    "coins", "chart-line", "mic", "pen-tool", "target", "waves", "syringe", "eye", "ear", "bone", "footprints", "lightbulb"],
};

const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const inTemplates = files("../../templates")
  .filter((file) => file.endsWith(".html"))
  .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/\{% icon "([a-z0-9-]+)"/g)].map((match) => match[1]));

const names = [...new Set([...Object.values(FROM_DATA).flat(), ...inTemplates])].filter((name) => name !== "logo").sort();
const symbols = names.map((name) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
  const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`;
});
// The mark of ExpertBook: a bookmark with a check cut out of it. Drawn for this project.
symbols.push(
  '<symbol id="logo" viewBox="0 0 24 24"><path fill="currentColor" stroke="none" d="M7 4.5h10c.83 0 1.5.67 1.5 1.5v13.2' +
    'c0 .62-.72.96-1.2.57L12 15.6l-5.3 4.17c-.48.39-1.2.05-1.2-.57V6c0-.83.67-1.5 1.5-1.5Z"/>' +
    '<path class="logo-check" fill="none" stroke-width="2" d="m9.2 9.3 2 2 3.7-3.8"/></symbol>',
);
writeFileSync(
  "../icons.svg",
  "<!-- Icons: Lucide (https://lucide.dev), ISC licence, some derived from Feather, MIT licence. " +
    "See static/src/README.md. Built by static/src/icons.js. -->\n" +
    `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
);
