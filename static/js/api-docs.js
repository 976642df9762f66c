// The interactive description of the API. Tokens that are typed in stay in this page and go with it.
const place = document.getElementById("api-docs");
const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

// The dark theme is one that somebody has chosen on the site, else that of the device.
function showTheme() {
  const { theme } = root.dataset;
  root.classList.toggle("dark-mode", theme ? theme.endsWith("dark") : prefersDark.matches);
}
prefersDark.addEventListener("change", showTheme);
showTheme();

// Buttons that copy are pictures without a word, and come and go with what was answered.
new MutationObserver(() => {
  for (const button of place.querySelectorAll(".copy-to-clipboard button:not([aria-label])")) {
    button.setAttribute("aria-label", place.dataset.copy);
  }
}).observe(place, { childList: true, subtree: true });

SwaggerUIBundle({
  url: place.dataset.schema,
  dom_id: "#api-docs",
  deepLinking: false, // it puts links into buttons, which nobody can press without a mouse
  persistAuthorization: false,
  validatorUrl: null, // ask nobody else
  presets: [SwaggerUIBundle.presets.apis],
  onComplete() {
    place.querySelector("h1, h2.title")?.setAttribute("aria-level", 2); // between the page's heading and those of groups, of level 3
  },
});
