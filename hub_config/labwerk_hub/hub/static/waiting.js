// The waiting room asks how things stand, and goes to the pending page when the turn comes.
// It asks while the page is out of sight, too: that is when people are notified.
"use strict";

(() => {
  const SECONDS = 4;
  const room = document.getElementById("labwerk-waiting");
  if (!room) return;
  const here = document.getElementById("labwerk-waiting-now");
  const spoken = document.getElementById("labwerk-said");
  const lost = document.getElementById("labwerk-lost");
  const button = document.getElementById("labwerk-notify");
  const notified = document.getElementById("labwerk-notified");
  const plain = document.title;
  let state = here.firstElementChild.dataset.state;
  let said = here.firstElementChild.dataset.said;
  let timer = 0;
  let asking = false;

  const notify = (title) => {
    if (!document.hidden || !("Notification" in window)) return;
    if (Notification.permission !== "granted") return;
    const shown = new Notification(title, { body: room.dataset.body, tag: "labwerk-turn" });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
    });
  };

  const offer = () => {
    const possible = "Notification" in window && window.isSecureContext;
    button.hidden = !possible || Notification.permission !== "default" || state !== "waiting";
    if (possible && Notification.permission === "granted" && state === "waiting") {
      notified.textContent = notified.dataset.on;
    } else if (state !== "waiting") {
      notified.textContent = "";
    }
  };

  const entitle = (now) => {
    const between = state === "waiting" ? " " : " · ";
    document.title = now.dataset.title ? now.dataset.title + between + plain : plain;
  };

  const show = (now) => {
    const turned = state === "waiting" && ["called", "starting"].includes(now.dataset.state);
    state = now.dataset.state;
    if (turned) notify(now.dataset.title);
    if (state === "starting") {
      // The hub's pending page opens the Lab. Where the person wanted to go stays in the address.
      if (window.location.pathname === room.dataset.pending) window.location.reload();
      else window.location.assign(room.dataset.pending);
      return;
    }
    if (state === "gone") return window.location.reload();
    entitle(now);
    if (now.innerHTML !== here.firstElementChild.innerHTML) {
      const focused = here.contains(document.activeElement) && document.activeElement.id;
      here.replaceChildren(now);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
    // Read out when the place changes, not at every look and not for every minute of an estimate.
    if (now.dataset.said !== said) spoken.textContent = said = now.dataset.said;
    offer();
  };

  const look = async () => {
    if (asking) return;
    asking = true;
    window.clearTimeout(timer);
    try {
      const response = await fetch(room.dataset.refresh, { signal: AbortSignal.timeout(9000) });
      if (response.redirected) return window.location.reload(); // the sign-in has expired
      if (!response.ok) throw new Error(response.statusText);
      const next = document.createElement("template");
      next.innerHTML = await response.text();
      lost.hidden = true;
      show(next.content.firstElementChild);
    } catch {
      lost.hidden = false; // the hub is being restarted; the place is in its database
    }
    asking = false;
    timer = window.setTimeout(look, SECONDS * 1000);
  };

  button.addEventListener("click", async () => {
    const answer = await Notification.requestPermission();
    notified.textContent = answer === "granted" ? notified.dataset.on : notified.dataset.off;
    button.hidden = true;
  });

  // A hidden page is called rarely by its browser: look at once when it is seen again.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  window.addEventListener("pagehide", () => window.clearTimeout(timer));

  entitle(here.firstElementChild);
  offer();
  timer = window.setTimeout(look, SECONDS * 1000);
})();
