// On a first visit the server does not know the time zone of this browser. Runs in the head, before anything is painted:
// tells the server from the next request on, names the zone in the header as soon as that is there, and has the times
// wait that are to be shown by the visitor's own clock. site.js asks for these; until then no other time is seen.
(() => {
  // Cities by the names that they have now, as in experts/timezones.py: browsers still say the former ones.
  const RENAMED = {
    Ashkhabad: "Ashgabat",
    Calcutta: "Kolkata",
    Dacca: "Dhaka",
    Faeroe: "Faroe",
    Godthab: "Nuuk",
    Katmandu: "Kathmandu",
    Kiev: "Kyiv",
    Macao: "Macau",
    Ponape: "Pohnpei",
    Rangoon: "Yangon",
    Saigon: "Ho Chi Minh",
    Thimbu: "Thimphu",
    Truk: "Chuuk",
    Ujung_Pandang: "Makassar",
    Ulan_Bator: "Ulaanbaatar",
  };
  const root = document.documentElement;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (!/(^|; )zone=/.test(document.cookie)) return; // cookies are off: the page stays right, by the clock that it names

  const header = new MutationObserver(() => {
    const menu = document.getElementById("zone-menu");
    const clock = menu?.querySelector("[data-clock]");
    if (!clock) return;
    header.disconnect();
    menu.dataset.zone = zone;
    const city = zone.split("/").at(-1);
    menu.querySelector("[data-zone-city]").textContent = RENAMED[city] ?? city.replaceAll("_", " ");
    const { hourCycle } = menu.dataset;
    clock.textContent = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", hourCycle }).format();
    clock.parentNode.hidden = false;
  });
  header.observe(document, { childList: true, subtree: true });

  const { clocks, byVisitor } = root.dataset;
  if (!clocks || clocks.split(" ").every((shown) => shown === zone)) return;
  root.dataset.zoneLearnt = "";
  if (byVisitor === undefined) return;
  root.classList.add("awaits-zone");
  setTimeout(() => root.classList.remove("awaits-zone"), 5000); // should the answer not come
})();
