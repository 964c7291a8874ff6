// The pending page follows JupyterHub's progress events and opens JupyterLab at once.
"use strict";

(() => {
  const page = document.getElementById("labwerk-pending");
  const stages = [...page.querySelectorAll("[data-stage]")];
  const spoken = document.getElementById("labwerk-stage");
  const clock = document.getElementById("labwerk-seconds");
  const began = Date.now() - 1000 * Number(page.dataset.seconds);

  window.setInterval(() => {
    clock.textContent = Math.floor((Date.now() - began) / 1000);
  }, 1000);

  const show = (name) => {
    const now = stages.findIndex((stage) => stage.dataset.stage === name);
    if (now < 0) return;
    stages.forEach((stage, position) => {
      stage.classList.toggle("lw-done", position < now);
      stage.classList.toggle("lw-now", position === now);
      if (position === now) stage.setAttribute("aria-current", "step");
      else stage.removeAttribute("aria-current");
    });
    spoken.textContent = stages[now].textContent.trim();
  };

  const events = new EventSource(page.dataset.progress);

  events.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    show(event.ready ? "ready" : event.stage);
    if (event.ready) {
      events.close();
      // Where the person wanted to go is for the hub to check; Lab itself needs no detour.
      if (new URLSearchParams(window.location.search).has("next")) window.location.reload();
      else window.location.replace(page.dataset.lab);
    } else if (event.failed) {
      events.close();
      window.location.reload(); // the hub says why, in the person's language
    }
  });

  // A cancelled start counts as failed: the events must not overtake the form's answer.
  page.querySelector("form").addEventListener("submit", () => events.close());

  // EventSource tries again by itself after a lost connection, not after a refusal.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) {
      window.setTimeout(() => window.location.reload(), 1000);
    }
  });
})();
