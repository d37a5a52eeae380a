// Batches and single jobs, newest first, with totals and filters.

import { address } from "./api.js";
import { announce, h, show } from "./dom.js";
import { count, dollars, duration, moment } from "./format.js";
import { Refresh, airflowLink, bar, ending, later, pageLink, pager, problem, remember, state } from "./parts.js";

const TIMES = [
  ["1", "last hour"],
  ["24", "last 24 hours"],
  ["168", "last 7 days"],
  ["720", "last 30 days"],
  ["8760", "last year"],
];

export function drawOverview(main, place) {
  const query = new URLSearchParams(window.location.search);
  const chosen = {
    hours: TIMES.some(([value]) => value === query.get("hours")) ? query.get("hours") : "24",
    dag_id: place.dag_id,
    run_id: place.run_id,
    state: query.get("state") ?? "",
    q: query.get("q") ?? "",
    page: Number(query.get("page")) || 1,
  };
  const tiles = h("div", { class: "tiles" });
  const table = h("div", { class: "scroll" });
  const pages = h("div");
  const note = h("div");
  const dags = h("select", { id: "dag", onchange: (event) => set({ dag_id: event.target.value }) }, h("option", { value: "" }, "all Dags"));
  const search = h("input", { id: "search", type: "search", value: chosen.q, placeholder: "Dag, run or task", oninput: later((event) => set({ q: event.target.value })) });
  const states = h(
    "select",
    { id: "state", onchange: (event) => set({ state: event.target.value }) },
    [["", "any state"], ["running", "running"], ["succeeded", "succeeded"], ["failed", "failed"], ["waiting", "waiting"], ["skipped", "skipped"]].map(([value, words]) => h("option", { value }, words)),
  );
  states.value = chosen.state;
  const times = h("select", { id: "hours", onchange: (event) => set({ hours: event.target.value }) }, TIMES.map(([value, words]) => h("option", { value }, words)));
  times.value = chosen.hours;
  const inRun = Boolean(place.run_id);
  show(
    main,
    inRun
      ? h("header", null, h("h1", null, "Documents of this run"), h("p", { class: "hint" }, place.dag_id, " · ", place.run_id))
      : h("header", null, h("h1", null, "Document processing")),
    h(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      inRun ? null : h("label", { for: "hours" }, "Started in the ", times),
      inRun || place.dag_id ? null : h("label", { for: "dag" }, "Dag ", dags),
      h("label", { for: "state" }, "State ", states),
      h("label", { for: "search" }, "Search ", search),
    ),
    tiles,
    note,
    table,
    pages,
  );

  const refresh = new Refresh(() => address("overview", chosen), draw, {
    busy: (value) => (value.unknown ? 700 : value.rows.some((row) => ["running", "waiting"].includes(row.state))),
    fail: (error) => show(note, problem(error)),
  });

  function set(values) {
    Object.assign(chosen, { page: 1 }, values);
    const kept = { ...chosen, page: chosen.page > 1 ? chosen.page : "", hours: chosen.hours === "24" ? "" : chosen.hours };
    remember(kept);
    refresh.now();
  }

  function draw(value) {
    const open = document.activeElement?.dataset?.key;
    show(note, value.unknown ? h("p", { class: "hint" }, `Asking ${count(value.unknown)} more batches how far they are…`) : null);
    fillDags(value.dags);
    drawTiles(value.totals);
    show(
      table,
      value.rows.length
        ? h("table", null, h("caption", { class: "unseen" }, "Batches and jobs, newest first"), head(), h("tbody", null, value.rows.map(line)))
        : empty(),
    );
    show(pages, pager(value.page, value.size, value.total, (page) => set({ page })), value.more ? h("p", { class: "hint" }, "Only the newest 1,000 are shown; choose a shorter time for the rest.") : null);
    if (open) table.querySelector(`[data-key="${CSS.escape(open)}"]`)?.focus();
    announce(`${value.total} shown`);
  }

  function fillDags(names) {
    const all = [...new Set([...names, ...(chosen.dag_id ? [chosen.dag_id] : [])])];
    if (all.join("\n") !== [...dags.options].slice(1).map((option) => option.value).join("\n") && !chosen.dag_id) {
      show(dags, h("option", { value: "" }, "all Dags"), all.map((name) => h("option", { value: name }, name)));
    }
    dags.value = chosen.dag_id;
  }

  function drawTiles(sums) {
    const tile = (words, value, kind) => h("div", { class: `tile ${kind ?? ""}` }, h("strong", null, value), h("span", null, words));
    show(
      tiles,
      tile("documents", count(sums.total)),
      tile("succeeded", count(sums.succeeded), "succeeded"),
      tile("failed or rejected", count(sums.failed + sums.rejected), sums.failed + sums.rejected ? "failed" : ""),
      tile("at the service", count(sums.running), "running"),
      tile("waiting", count(sums.waiting)),
      tile("estimated cost of batches", dollars(sums.cost)),
    );
  }

  function head() {
    return h("thead", null, h("tr", null, ["Task", "State", "Progress", "Done", "Per minute", "Time left", "Cost", "Started"].map((words) => h("th", { scope: "col" }, words))));
  }

  function line(row) {
    const where = { dag_id: row.dag_id, run_id: row.run_id, task_id: row.task_id, map_index: row.map_index >= 0 ? row.map_index : "" };
    const name = row.map_index !== null && row.map_index >= 0 ? `${row.task_id}[${row.map_index}]` : row.task_id;
    const done = row.succeeded + row.failed + row.rejected + row.skipped;
    const bad = row.failed + row.rejected;
    return h(
      "tr",
      null,
      h(
        "td",
        { class: "name" },
        pageLink(where, h("strong", null, name), { "data-key": Object.values(where).join("/") }),
        h("span", { class: "tag" }, row.kind === "batch" ? "batch" : row.total > 1 ? `${count(row.total)} jobs` : "job"),
        h("div", { class: "hint" }, inRun ? null : [airflowLink(row.dag_id, row.dag_id), " · ", airflowLink(row.run_id, row.dag_id, row.run_id)]),
      ),
      h("td", null, state(row.state), h("div", null, ending(row)), row.problem ? h("div", { class: "hint bad" }, row.problem) : null),
      h("td", { class: "wide" }, bar(row), h("div", { class: "hint" }, bad ? `${count(bad)} failed or rejected` : null)),
      h("td", { class: "short" }, `${count(done)} / ${count(row.total)}`),
      h("td", { class: "short" }, row.per_minute === null ? "–" : count(Math.round(row.per_minute * 10) / 10)),
      h("td", { class: "short" }, row.state === "running" ? duration(row.seconds_left) : "–"),
      h("td", { class: "short" }, dollars(row.cost)),
      h("td", { class: "short" }, h("time", { datetime: row.started_at }, moment(row.started_at))),
    );
  }

  function empty() {
    const filtered = chosen.q || chosen.state || (chosen.dag_id && !inRun && !place.dag_id);
    return h(
      "div",
      { class: "notice" },
      filtered
        ? "Nothing matches. Take a filter away, or choose a longer time."
        : [
            h("p", null, inRun ? "No task of this run has submitted a document yet." : "No document was processed in this time."),
            h("p", null, "Tasks of BdaInvokeOperator and BdaBatchOperator appear here from the moment their first job is submitted (unless do_xcom_push is off)."),
          ],
    );
  }

  refresh.now();
}
