// Cookies that remember how somebody wants to see the site. The server reads them (bookingsite/middleware.py).

export function readCookie(name) {
  return document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
}

export function setCookie(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
}

// On a first visit the server does not know the zone of this browser. True when it was written down just now.
export function rememberZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || readCookie("zone")) return false;
  setCookie("zone", zone);
  return Boolean(readCookie("zone")); // cookies may be off
}
