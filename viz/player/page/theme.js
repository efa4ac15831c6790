// Light or dark, before anything is drawn: the button decides; else the page around the frame, whose text colour the
// frame sends; else the system. A frame shows nothing until it has been told, or a moment has passed.
"use strict";
const theme = (() => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null, told = null;
  function paint() {
    root.dataset.theme = chosen ?? told ?? (dark.matches ? "dark" : "light");
    for (const fade of document.getAnimations()) fade.finish();
  }
  const reveal = () => root.classList.remove("untold");
  if (window.self !== window.top) {
    root.classList.add("untold");
    addEventListener("load", () => setTimeout(reveal, 150));
  }
  dark.addEventListener("change", paint);
  addEventListener("message", ({ source, data }) => {
    const ink = source === window.parent && /^rgba?\((\d+), (\d+), (\d+)/.exec(data?.ink);
    if (!ink) return;
    told = Number(ink[1]) + Number(ink[2]) + Number(ink[3]) > 384 ? "dark" : "light"; // light text, dark page
    paint();
    reveal();
  });
  paint();
  return { switch() { chosen = root.dataset.theme === "dark" ? "light" : "dark"; paint(); } };
})();
