// Cookies that remember how somebody wants to see the site. The server reads them (bookingsite/middleware.py).

export function setCookie(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
}
