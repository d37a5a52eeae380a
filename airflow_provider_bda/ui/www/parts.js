// What several pages share: states, progress bars, links, pagers, and asking again while something runs.

import { ask } from "./api.js";
import { announce, h, show } from "./dom.js";
import { ENDINGS, STATES, count } from "./format.js";
import { airflowPath, openElsewhere, openInAirflow } from "./host.js";

export function state(name) {
  return h("span", { class: `state ${name}` }, h("span", { "aria-hidden": "true" }, STATES[name] ?? "?"), ` ${name}`);
}

// How a batch ended, and what it left undone.
export function ending(row) {
  const words = [row.ending ? ENDINGS[row.ending] : null, row.remaining ? `${count(row.remaining)} not done` : null].filter(Boolean);
  return words.length ? h("span", { class: "tag" }, words.join(": ")) : null;
}

const ORDER = ["succeeded", "failed", "rejected", "skipped", "running", "waiting"];

export function bar(row) {
  const total = Math.max(row.total, ORDER.reduce((sum, name) => sum + (row[name] ?? 0), 0));
  const words = ORDER.filter((name) => row[name]).map((name) => `${count(row[name])} ${name}`);
  return h(
    "div",
    { class: "bar", role: "img", "aria-label": `${words.join(", ") || "nothing yet"} of ${count(total)}`, title: words.join(", ") },
    ORDER.filter((name) => row[name]).map((name) =>
      h("span", { class: name, style: { "flex-grow": String(row[name] / total) } }),
    ),
  );
}

// A link to another of our pages: the query says which.
export function pageLink(place, words, attributes = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  return h("a", { href: `page${query.toString() ? `?${query}` : ""}`, ...attributes }, words);
}

export function airflowLink(words, ...place) {
  const path = airflowPath(...place);
  return h("a", { href: path, onclick: (event) => openInAirflow(event, path) }, words);
}

export function outsideLink(address, words) {
  if (!address?.startsWith("https://")) return null;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer", onclick: (event) => openElsewhere(event, address) }, words, " ↗");
}

export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );
}

export function pager(page, size, total, go) {
  if (total <= size) return null;
  const last = Math.ceil(total / size);
  const button = (words, to, name) => h("button", { type: "button", disabled: to < 1 || to > last, "aria-label": name, onclick: () => go(to) }, words);
  return h("nav", { class: "pager", "aria-label": "Pages" }, button("‹", page - 1, "Previous page"), h("span", null, `${count((page - 1) * size + 1)}–${count(Math.min(page * size, total))} of ${count(total)}`), button("›", page + 1, "Next page"));
}

export function problem(error) {
  const words = {
    401: "You are not logged in to Airflow, or your session has ended.",
    403: error.message === "Forbidden" ? "You may not see this Dag." : error.message,
  };
  return h("div", { class: "notice bad", role: "alert" }, words[error.status] ?? error.message);
}

// Asks now and then: quickly while `busy` (or after the milliseconds it answers), rarely otherwise, not at all while
// nobody looks.
export class Refresh {
  constructor(url, draw, { busy, fail }) {
    Object.assign(this, { url, draw, busy, fail, timer: null, stopped: false, running: 0 });
    document.addEventListener("visibilitychange", () => !document.hidden && this.now());
  }

  async now() {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const turn = ++this.running;
    let wait = 30_000;
    try {
      const { value, changed } = await ask(this.url());
      if (turn !== this.running) return; // the question has changed meanwhile
      if (changed || this.fresh !== this.url()) this.draw(value);
      this.fresh = this.url();
      const busy = this.busy(value);
      wait = typeof busy === "number" ? busy : busy ? 3_000 : 30_000;
    } catch (error) {
      if (turn !== this.running) return;
      this.fail(error);
      if ([401, 403, 404].includes(error.status)) return;
    }
    if (!document.hidden) this.timer = setTimeout(() => this.now(), wait);
  }
}

export function later(work, millis = 250) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), millis);
  };
}

// Puts the page's own choices into its address, so that a reload and a link keep them.
export function remember(values) {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, String(value));
  }
  history.replaceState(null, "", `?${query}`);
}

// A table's head that sorts.
export function sortable(columns, sort, choose) {
  return h(
    "tr",
    null,
    columns.map(({ name, words, align }) => {
      const down = sort === `-${name}`;
      const up = sort === name;
      const direction = up ? "ascending" : down ? "descending" : "none";
      return h("th", { scope: "col", "aria-sort": name ? direction : null, class: align }, name ? h("button", { type: "button", class: "sort", onclick: () => choose(up ? `-${name}` : name) }, words, h("span", { "aria-hidden": "true" }, up ? " ↑" : down ? " ↓" : "")) : words);
    }),
  );
}

export { announce, show };
