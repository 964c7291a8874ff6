// Paper is white: a page that is shown in the dark is printed as in the light.
"use strict";

(() => {
  const page = document.documentElement;
  let shown = null;

  window.addEventListener("beforeprint", () => {
    shown = page.dataset.bsTheme ?? null;
    page.dataset.bsTheme = "light";
  });

  window.addEventListener("afterprint", () => {
    if (shown !== null) page.dataset.bsTheme = shown;
    else delete page.dataset.bsTheme;
  });
})();
