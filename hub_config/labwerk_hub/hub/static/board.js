// The board keeps itself up to date while it is looked at: the server renders both parts
// anew, and this puts them in place without moving the focus or the page.
"use strict";

(() => {
  const SECONDS = 10;
  const board = document.getElementById("labwerk-board");
  if (!board) return;
  const PARTS = ["board-sums", "board-gpus"];
  const stale = document.getElementById("labwerk-stale");
  let timer = 0;

  // Somebody who marks a name or a session's id wants to copy it: not from under their hands.
  const marking = (part) => {
    const selection = document.getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  };

  const put = (html) => {
    const next = document.createElement("template");
    next.innerHTML = html;
    for (const id of PARTS) {
      const [here, fresh] = [document.getElementById(id), next.content.getElementById(id)];
      if (!fresh || here.innerHTML === fresh.innerHTML || marking(here)) continue;
      const focused = here.contains(document.activeElement) && document.activeElement.id;
      const [x, y] = [window.scrollX, window.scrollY];
      here.replaceChildren(...fresh.childNodes);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      window.scrollTo({ left: x, top: y, behavior: "instant" });
    }
  };

  const refresh = async () => {
    try {
      const response = await fetch(board.dataset.refresh, { signal: AbortSignal.timeout(9000) });
      if (response.redirected) return window.location.reload(); // the sign-in has expired
      if (!response.ok) throw new Error(response.statusText);
      put(await response.text());
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  };

  const run = async () => {
    window.clearTimeout(timer);
    if (document.hidden) return;
    await refresh();
    timer = window.setTimeout(run, SECONDS * 1000);
  };

  document.addEventListener("visibilitychange", () => {
    window.clearTimeout(timer);
    if (!document.hidden) run();
  });
  timer = window.setTimeout(run, SECONDS * 1000);
})();
