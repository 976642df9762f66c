// For other people's pages: shows a calendar in a frame where this script stands, as high as its content.
//   <script src="https://…/static/js/embed.js" data-expert="amara-okafor" async></script>
// or data-organization="northgate". See docs/embedding.md.
(() => {
  const script = document.currentScript;
  const { expert, organization, type, theme, title } = script.dataset;
  const { origin } = new URL(script.src);
  const path = expert ? `/embed/expert/${encodeURIComponent(expert)}/` : `/embed/${encodeURIComponent(organization)}/`;
  const query = new URLSearchParams();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) query.set("tz", zone);
  if (theme) query.set("theme", theme);
  if (expert && type) query.set("type", type);

  const frame = document.createElement("iframe");
  frame.src = `${origin}${path}?${query}`;
  frame.title = title || "Book a time";
  Object.assign(frame.style, { display: "block", width: "100%", height: "640px", border: "0" });

  // Each page in the frame is greeted, and answers to the origin that greeted it.
  frame.addEventListener("load", () => frame.contentWindow.postMessage({ type: "expertbook:hello" }, origin));
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== origin || event.data?.type !== "expertbook:height") return;
    const height = Number(event.data.height);
    if (height > 0 && height < 20000) frame.style.height = `${Math.ceil(height)}px`;
  });
  script.after(frame);
})();
