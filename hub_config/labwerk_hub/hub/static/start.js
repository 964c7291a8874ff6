// The start page keeps itself up to date: the server renders the questions anew for what
// is selected, and this puts them in place without moving the focus.
"use strict";

(() => {
  const SECONDS = 5;
  const fields = document.getElementById("labwerk-start");
  const form = document.getElementById("spawn_form");
  let timer = 0;
  let shown = "";
  let asked = null;

  // What was selected and is gone stays wanted, until something else is selected.
  const wanted = { payer: "", flavour: "", image: "", wait: "" };

  const selected = () => {
    for (const name of ["payer", "flavour", "image"]) {
      const input = fields.querySelector(`input[name=${name}]:checked`);
      if (input) wanted[name] = input.value;
    }
    wanted.wait = document.getElementById("wait")?.checked ? "1" : "";
    return new URLSearchParams(wanted).toString();
  };

  // The button says what a click on it will do.
  const entitle = () => {
    const button = document.getElementById("start");
    if (!button) return;
    const flavour = fields.querySelector("input[name=flavour]:checked");
    const waits = flavour && "waits" in flavour.dataset && document.getElementById("wait").checked;
    button.textContent = waits ? button.dataset.wait : button.dataset.start;
  };

  const focus = (id) => {
    const input = document.getElementById(id);
    // A choice that was disabled meanwhile cannot hold the focus; its neighbour can.
    const place = input?.disabled ? fields.querySelector("input:enabled") : input;
    place?.focus({ preventScroll: true });
  };

  const put = (html) => {
    const focused = fields.contains(document.activeElement) && document.activeElement.id;
    const note = fields.querySelector("#labwerk-note");
    const next = document.createElement("template");
    next.innerHTML = html;
    const nextNote = next.content.querySelector("#labwerk-note");
    // The live region itself has to stay, or its change is not read out.
    if (note && nextNote) {
      if (note.textContent.trim() !== nextNote.textContent.trim()) {
        note.replaceChildren(...nextNote.childNodes);
      }
      nextNote.replaceWith(note);
    }
    fields.replaceChildren(next.content);
    entitle();
    if (focused) focus(focused);
  };

  const stale = (is) => {
    const hint = document.getElementById("labwerk-stale");
    if (hint) hint.hidden = !is;
  };

  const refresh = async () => {
    const query = selected();
    asked = new AbortController();
    try {
      const response = await fetch(`${fields.dataset.refresh}?${query}`, {
        signal: AbortSignal.any([asked.signal, AbortSignal.timeout(10000)]),
      });
      if (response.redirected) return window.location.reload(); // the sign-in has expired
      if (!response.ok) throw new Error(response.statusText);
      const html = await response.text();
      if (html !== shown && query === selected()) {
        put(html);
        shown = html;
      }
      stale(false);
    } catch (error) {
      if (error.name !== "AbortError") stale(true);
    }
  };

  const run = async () => {
    window.clearTimeout(timer);
    if (document.hidden) return;
    await refresh();
    timer = window.setTimeout(run, SECONDS * 1000);
  };

  const pause = () => {
    window.clearTimeout(timer);
    asked?.abort();
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? pause() : run()));
  fields.addEventListener("change", (event) => {
    shown = "";
    entitle();
    if (event.target.name !== "payer") return;
    pause(); // what may be started, and for how long, depends on who pays
    run();
  });

  form.addEventListener("submit", () => {
    pause();
    const button = document.getElementById("start");
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });

  // Coming back with the browser's back button shows the page as it was left.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  entitle();
  timer = window.setTimeout(run, SECONDS * 1000);
})();
