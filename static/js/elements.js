// What every page of the site has (templates/base.html), outside of everything that is swapped or morphed.

export const root = document.documentElement;
export const modal = document.getElementById("modal");
export const modalBody = document.getElementById("modal-body");
export const announcer = document.getElementById("announcer");
export const toasts = document.getElementById("toasts");
