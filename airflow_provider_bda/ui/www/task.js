// A batch, or a task with its mapped jobs: progress, failures by reason, durations, and the table of documents.

import { address, ask } from "./api.js";
import { histogram, progressPlot } from "./charts.js";
import { drawDocument } from "./document.js";
import { announce, h, show } from "./dom.js";
import { HELPS, count, dollars, duration, moment } from "./format.js";
import { Refresh, airflowLink, bar, ending, facts, later, outsideLink, pageLink, pager, problem, remember, sortable, state } from "./parts.js";

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
    show(main, h("h1", null, place.task_id), h("div", { class: "notice" }, h("p", null, first.state === "failed" ? "The task failed before it submitted a document; its log says why." : "No document was submitted by this task yet."), h("p", null, airflowLink("Task log", place.dag_id, place.run_id, place.task_id, place.map_index)), h("p", { class: "hint" }, "Tasks of BdaInvokeOperator and BdaBatchOperator show here what became of their documents.")));
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
    this.chosen = { q: query.get("q") ?? "", status: query.get("status") ?? "", reason: query.get("reason") ?? "", sort: query.get("sort") ?? "", page: Number(query.get("page")) || 1 };
    this.top = h("div");
    this.note = h("div");
    this.table = h("div", { class: "scroll" });
    this.pages = h("div");
    this.unread = h("div");
    this.status = h(
      "select",
      { id: "status", onchange: (event) => this.set({ status: event.target.value }) },
      ["", "succeeded", "failed", "rejected", "running", "waiting", "skipped"].map((value) => h("option", { value }, value || "any")),
    );
    this.status.value = this.chosen.status;
    this.reason = h("span");
    this.search = h("input", { id: "search", type: "search", value: this.chosen.q, placeholder: "name, reason or id", oninput: later((event) => this.set({ q: event.target.value })) });
    const title = place.map_index && Number(place.map_index) >= 0 ? `${place.task_id}[${place.map_index}]` : place.task_id;
    show(
      main,
      h("header", null, h("p", { class: "crumbs" }, pageLink({}, "Document processing"), " / ", airflowLink(place.dag_id, place.dag_id), " / ", airflowLink(place.run_id, place.dag_id, place.run_id)), h("h1", null, title)),
      this.note,
      this.top,
      h("h2", null, "Documents"),
      h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, h("label", { for: "status" }, "Status ", this.status), h("label", { for: "search" }, "Search ", this.search), this.reason),
      this.unread,
      this.table,
      this.pages,
    );
    const busy = (value) => (value.unread ? 700 : ["running", "waiting"].includes(value.state ?? this.value?.state));
    const fail = (error) => show(this.note, problem(error));
    this.value = first;
    this.overview = new Refresh(() => address(`${base}/task`, where), (value) => this.draw(value), { busy, fail });
    this.rows = new Refresh(() => address(`${base}/documents`, { ...where, ...this.chosen }), (value) => this.drawRows(value), { busy, fail });
    this.draw(first);
    this.drawReason();
    this.overview.now();
    this.rows.now();
  }

  set(values) {
    Object.assign(this.chosen, { page: 1 }, values);
    this.status.value = this.chosen.status;
    this.drawReason();
    remember({ ...this.chosen, page: this.chosen.page > 1 ? this.chosen.page : "" });
    this.rows.now();
  }

  // The reason the table is held to, and a way out.
  drawReason() {
    const reason = this.chosen.reason;
    show(this.reason, reason ? h("button", { type: "button", class: "chosen", title: "Show the others too", onclick: () => this.set({ reason: "" }) }, h("span", null, reason), " ✕") : null);
  }

  draw(value) {
    this.value = value;
    show(
      this.note,
      value.problem ? h("div", { class: "notice bad", role: "alert" }, value.problem) : null,
      value.ending === "interrupted" ? h("div", { class: "notice bad" }, "The task ended while its engine was at work. Its jobs go on; a retry or a clear goes on where the ledger ends, and buys nothing twice.") : null,
      value.why ? h("div", { class: value.ending === "portion" ? "notice" : "notice bad" }, `Nothing more was submitted: ${value.why}`) : null,
    );
    const done = value.succeeded + value.failed + value.rejected + value.skipped;
    show(
      this.top,
      h("div", { class: "summary" }, state(value.state), ending(value), bar(value), h("span", null, `${count(done)} of ${count(value.total)} done`)),
      facts([
        ["Succeeded", count(value.succeeded)],
        ["Failed", count(value.failed)],
        ["Rejected", value.kind === "batch" ? count(value.rejected) : null],
        ["Skipped", value.skipped ? count(value.skipped) : null],
        ["At the service", count(value.running)],
        ["Waiting", count(value.waiting)],
        ["Per minute", value.per_minute === null ? null : count(Math.round(value.per_minute * 10) / 10)],
        ["Time left", value.state === "running" && value.seconds_left !== null ? duration(value.seconds_left) : null],
        ["Jobs bought", value.jobs_submitted === undefined || value.jobs_submitted === null ? null : count(value.jobs_submitted)],
        ["Pages", value.pages ? count(value.pages) : null],
        ["Estimated cost", value.cost === null ? null : dollars(value.cost)],
        ["Started", moment(value.started_at)],
        ["Ended", value.ended_at ? moment(value.ended_at) : null],
        ["Progress as of", value.ended_at || !value.updated_at ? null : moment(value.updated_at)],
        ["Source", value.source],
        ["Batch", value.batch_id],
      ]),
      h("p", { class: "links" }, airflowLink("Task log", this.place.dag_id, this.place.run_id, this.place.task_id, this.place.map_index), outsideLink(value.links.console, "S3 output in the AWS console"), this.download("results", "Download results"), this.download("failures", "Download failures")),
      this.failures(value),
      h("div", { class: "plots" }, progressPlot(value.history, value.total), histogram(value.durations)),
      blueprints(value.blueprints ?? []),
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
            h("button", { type: "button", title: "Show these documents", onclick: () => { this.search.value = ""; this.set({ reason: entry.reason, q: "", status: "" }); this.table.scrollIntoView({ block: "nearest" }); } }, h("strong", null, count(entry.count)), h("span", { class: "reason" }, entry.reason, entry.helps ? h("span", { class: "hint" }, ` ${HELPS[entry.helps] ?? ""}`) : null), h("span", { class: "share", "aria-hidden": "true", style: { width: `${(entry.count / most) * 100}%` } })),
          ),
        ),
      ),
      value.other_reasons ? h("p", { class: "hint" }, `and ${count(value.other_reasons)} for other reasons; the download of failures has them`) : null,
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
            { class: "documents" },
            h("caption", { class: "unseen" }, "Documents"),
            h("thead", null, sortable(columns, this.chosen.sort, (sort) => this.set({ sort }))),
            h("tbody", null, value.rows.map((row) => h("tr", null, h("td", { class: "name" }, pageLink(this.placeOf(row), row.name, { "data-key": row.id })), h("td", null, state(row.status)), h("td", { class: "number" }, duration(row.seconds)), h("td", { class: "reason" }, row.reason)))),
          )
        : h("div", { class: "notice" }, this.value.kind === "batch" && !this.value.documents ? "No document of this batch was begun yet." : "No document matches."),
    );
    show(this.unread, value.unread ? h("p", { class: "hint" }, `Reading what the batch has written down: ${count(value.unread)} more files…`) : null);
    show(this.pages, pager(value.page, value.size, value.total, (page) => this.set({ page })));
    if (open) this.table.querySelector(`[data-key="${CSS.escape(open)}"]`)?.focus();
  }

  placeOf(row) {
    if (this.value.kind === "batch") return { ...this.place, document_id: row.id };
    return { ...this.place, map_index: row.id };
  }
}

// How well each blueprint fitted: how often it matched, how often each field was filled, and how surely.
function blueprints(found) {
  const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`);
  return found.map((entry) =>
    h(
      "details",
      { class: "blueprint" },
      h("summary", null, h("strong", null, entry.name, entry.version ? ` version ${entry.version}` : ""), ` ${count(entry.segments)} outputs, match rate ${percent(entry.match_rate)}`),
      h(
        "table",
        { class: "content" },
        h("caption", { class: "unseen" }, `Fields of ${entry.name}`),
        h("thead", null, h("tr", null, ["Field", "Filled", "Mean confidence"].map((words) => h("th", { scope: "col" }, words)))),
        h("tbody", null, entry.fields.map((field) => h("tr", null, h("th", { scope: "row" }, field.name), h("td", { class: "number" }, percent(field.fill_rate)), h("td", { class: "number" }, percent(field.confidence))))),
      ),
    ),
  );
}
