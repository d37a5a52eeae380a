// A batch, or a task with its mapped jobs: progress, failures by reason, durations, and the table of documents.

import { address, ask } from "./api.js";
import { histogram, progressPlot } from "./charts.js";
import { drawDocument } from "./document.js";
import { announce, h, show } from "./dom.js";
import { count, dollars, duration, moment } from "./format.js";
import { Refresh, airflowLink, bar, facts, later, outsideLink, pageLink, pager, problem, remember, sortable, state } from "./parts.js";

export async function drawTask(main, place) {
  const base = `dags/${encodeURIComponent(place.dag_id)}`;
  const { dag_id: _, document_id: __, ...where } = place;
  let first;
  try {
    first = (await ask(address(`${base}/task`, where))).value;
  } catch (error) {
    show(main, problem(error));
    return;
  }
  if (first.kind === null) {
    show(main, h("h1", null, place.task_id), h("div", { class: "notice" }, h("p", null, "No document was submitted by this task yet."), h("p", null, "Tasks of BdaInvokeOperator and BdaBatchOperator show here what became of their documents.")));
    return;
  }
  // One job is one document: there is nothing to choose.
  if (first.kind === "jobs" && first.instances === 1) {
    drawDocument(main, place);
    return;
  }
  new TaskPage(main, place, where, base, first);
}

class TaskPage {
  constructor(main, place, where, base, first) {
    Object.assign(this, { main, place, where, base });
    const query = new URLSearchParams(window.location.search);
    this.chosen = { q: query.get("q") ?? "", status: query.get("status") ?? "", sort: query.get("sort") ?? "", page: Number(query.get("page")) || 1 };
    this.top = h("div");
    this.note = h("div");
    this.table = h("div", { class: "scroll" });
    this.pages = h("div");
    this.status = h(
      "select",
      { id: "status", onchange: (event) => this.set({ status: event.target.value }) },
      ["", "succeeded", "failed", "rejected", "running", "waiting", "skipped"].map((value) => h("option", { value }, value || "any")),
    );
    this.status.value = this.chosen.status;
    this.search = h("input", { id: "search", type: "search", value: this.chosen.q, placeholder: "name, reason or id", oninput: later((event) => this.set({ q: event.target.value })) });
    const title = place.map_index && Number(place.map_index) >= 0 ? `${place.task_id}[${place.map_index}]` : place.task_id;
    show(
      main,
      h("header", null, h("p", { class: "crumbs" }, pageLink({}, "Document processing"), " / ", airflowLink(place.dag_id, place.dag_id), " / ", airflowLink(place.run_id, place.dag_id, place.run_id)), h("h1", null, title)),
      this.note,
      this.top,
      h("h2", null, "Documents"),
      h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, h("label", { for: "status" }, "Status ", this.status), h("label", { for: "search" }, "Search ", this.search)),
      this.table,
      this.pages,
    );
    const busy = (value) => ["running", "waiting"].includes(value.state ?? this.value?.state);
    const fail = (error) => show(this.note, problem(error));
    this.value = first;
    this.overview = new Refresh(() => address(`${base}/task`, where), (value) => this.draw(value), { busy, fail });
    this.rows = new Refresh(() => address(`${base}/documents`, { ...where, ...this.chosen }), (value) => this.drawRows(value), { busy, fail });
    this.draw(first);
    this.overview.now();
    this.rows.now();
  }

  set(values) {
    Object.assign(this.chosen, { page: 1 }, values);
    this.status.value = this.chosen.status;
    remember({ ...this.chosen, page: this.chosen.page > 1 ? this.chosen.page : "" });
    this.rows.now();
  }

  draw(value) {
    this.value = value;
    show(this.note, value.problem ? h("div", { class: "notice bad", role: "alert" }, value.problem) : null);
    const done = value.succeeded + value.failed + value.rejected + value.skipped;
    show(
      this.top,
      h("div", { class: "summary" }, state(value.state), bar(value), h("span", null, `${count(done)} of ${count(value.total)} done`)),
      facts([
        ["Succeeded", count(value.succeeded)],
        ["Failed", count(value.failed)],
        ["Rejected", value.kind === "batch" ? count(value.rejected) : null],
        ["At the service", count(value.running)],
        ["Waiting", count(value.waiting)],
        ["Per minute", value.per_minute === null ? null : count(Math.round(value.per_minute * 10) / 10)],
        ["Time left", value.state === "running" && value.seconds_left !== null ? duration(value.seconds_left) : null],
        ["Estimated cost", value.cost === null ? null : dollars(value.cost)],
        ["Started", moment(value.started_at)],
        ["Ended", value.ended_at ? moment(value.ended_at) : null],
        ["Batch", value.batch_id],
      ]),
      h("p", { class: "links" }, airflowLink("Task log", this.place.dag_id, this.place.run_id, this.place.task_id, this.place.map_index), outsideLink(value.links.console, "S3 output in the AWS console"), this.download("results", "Download results"), this.download("failures", "Download failures")),
      this.failures(value),
      h("div", { class: "plots" }, progressPlot(value.history, value.total), histogram(value.durations)),
      value.more ? h("p", { class: "hint" }, `The table below searches the first ${count(value.documents)} documents; the download has all.`) : null,
    );
    announce(`${value.state}: ${done} of ${value.total} done`);
  }

  download(what, words) {
    return h("a", { href: address(`${this.base}/download`, { ...this.where, what }), download: `${what}.jsonl` }, words);
  }

  failures(value) {
    if (!value.failures.length) return null;
    const most = value.failures[0].count;
    return h(
      "section",
      { class: "failures" },
      h("h2", null, "Failures by reason"),
      h(
        "ul",
        null,
        value.failures.map((entry) =>
          h(
            "li",
            null,
            h("button", { type: "button", title: "Show these documents", onclick: () => { this.search.value = entry.reason; this.set({ q: entry.reason, status: "" }); this.table.scrollIntoView({ block: "nearest" }); } }, h("strong", null, count(entry.count)), h("span", { class: "reason" }, entry.reason), h("span", { class: "share", "aria-hidden": "true", style: { width: `${(entry.count / most) * 100}%` } })),
          ),
        ),
      ),
    );
  }

  drawRows(value) {
    const columns = [
      { name: "name", words: "Document" },
      { name: "status", words: "Status" },
      { name: "seconds", words: "Took", align: "number" },
      { name: "reason", words: "Reason" },
    ];
    const open = document.activeElement?.dataset?.key;
    show(
      this.table,
      value.rows.length
        ? h(
            "table",
            null,
            h("caption", { class: "unseen" }, "Documents"),
            h("thead", null, sortable(columns, this.chosen.sort, (sort) => this.set({ sort }))),
            h("tbody", null, value.rows.map((row) => h("tr", null, h("td", { class: "name" }, pageLink(this.placeOf(row), row.name, { "data-key": row.id })), h("td", null, state(row.status)), h("td", { class: "number" }, duration(row.seconds)), h("td", { class: "reason" }, row.reason)))),
          )
        : h("div", { class: "notice" }, this.value.kind === "batch" && !this.value.documents ? "A batch lists its documents in portions of 10,000, each when it is done." : "No document matches."),
    );
    show(this.pages, pager(value.page, value.size, value.total, (page) => this.set({ page })));
    if (open) this.table.querySelector(`[data-key="${CSS.escape(open)}"]`)?.focus();
  }

  placeOf(row) {
    if (this.value.kind === "batch") return { ...this.place, document_id: row.id };
    return { ...this.place, map_index: row.id };
  }
}
