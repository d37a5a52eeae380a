// One document: its pages with the boxes of its fields, and what else was read.

import { address, ask, text } from "./api.js";
import { announce, h, show } from "./dom.js";
import { BANDS, band, count, duration, moment } from "./format.js";
import { pageView } from "./pages.js";
import { Refresh, airflowLink, facts, outsideLink, pageLink, problem, remember, state } from "./parts.js";
import { content } from "./content.js";

export function drawDocument(main, place) {
  new DocumentPage(main, place);
}

class DocumentPage {
  constructor(main, place) {
    Object.assign(this, { main, place });
    const { dag_id, ...where } = place;
    this.where = where;
    this.base = `dags/${encodeURIComponent(dag_id)}`;
    this.index = Number(new URLSearchParams(window.location.search).get("segment")) || 0;
    this.top = h("div");
    this.body = h("div");
    show(main, this.top, this.body);
    new Refresh(() => address(`${this.base}/document`, where), (value) => this.draw(value), {
      busy: (value) => ["running", "waiting"].includes(value.status),
      fail: (error) => show(this.top, problem(error)),
    }).now();
  }

  draw(value) {
    this.value = value;
    const { dag_id, run_id, task_id, map_index } = this.place;
    const crumbs = [pageLink({}, "Document processing"), " / ", airflowLink(dag_id, dag_id), " / ", pageLink({ dag_id, run_id }, run_id), " / "];
    const single = !map_index && !this.place.document_id;
    crumbs.push(single ? task_id : pageLink({ dag_id, run_id, task_id, map_index: this.place.document_id ? map_index : "" }, task_id));
    show(
      this.top,
      h("header", null, h("p", { class: "crumbs" }, crumbs), h("h1", null, value.name), h("div", { class: "summary" }, state(value.status), value.reason ? h("span", { class: "bad" }, value.reason) : null, value.redacted ? h("span", { class: "tag" }, "redacted") : null)),
      facts([
        ["Kind", value.modality ? value.modality.toLowerCase() : null],
        ["Took", value.seconds === null ? null : duration(value.seconds)],
        ["Jobs bought", value.jobs > 1 ? count(value.jobs) : null],
        ["Submitted", value.submitted_at ? moment(value.submitted_at) : null],
        ["Input", value.input_s3_uri],
        ["Job", value.invocation_arn],
        ...Object.entries(value.extra ?? {}).slice(0, 20).map(([name, entry]) => [name, typeof entry === "object" ? JSON.stringify(entry) : String(entry)]),
      ]),
      h("p", { class: "links" }, airflowLink("Task log", dag_id, run_id, task_id, map_index), outsideLink(value.links?.console, "S3 output in the AWS console")),
      value.why ? h("div", { class: "notice" }, value.why) : null,
      this.segments(value),
    );
    if (value.segments.length) this.open(Math.min(this.index, value.segments.length - 1));
    else show(this.body);
    announce(`${value.name}: ${value.status}`);
  }

  segments(value) {
    if (value.segments_total <= 1 || !value.segments.length) return null;
    return h(
      "nav",
      { class: "tabs", "aria-label": "Segments of the document" },
      value.segments.map((segment) =>
        h("button", { type: "button", "data-segment": segment.index, onclick: () => { remember({ segment: segment.index || "" }); this.open(segment.index); } }, `Segment ${segment.index + 1}`, segment.custom_output_status ? h("span", { class: "tag" }, segment.custom_output_status) : null),
      ),
      value.segments_total > value.segments.length ? h("span", { class: "hint" }, `and ${count(value.segments_total - value.segments.length)} more`) : null,
    );
  }

  async open(index) {
    this.index = index;
    for (const button of this.top.querySelectorAll("[data-segment]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.segment) === index));
    }
    let segment;
    try {
      segment = (await ask(address(`${this.base}/segment`, { ...this.where, index }))).value;
    } catch (error) {
      show(this.body, problem(error));
      return;
    }
    if (this.index === index) this.drawSegment(segment);
  }

  drawSegment(segment) {
    const fields = segment.fields.map((field, number) => ({ ...field, number }));
    const rows = new Map();
    const marks = [...fields, ...(segment.standard?.lines ?? []).map((line, number) => ({ ...line, path: line.text, value: line.text, number: `line-${number}`, line: true }))];
    // Boxes on an outline say something; an empty outline does not.
    const nothing = segment.picture && !marks.some((mark) => mark.boxes.length);
    const sound = segment.standard?.modality === "AUDIO" || segment.standard?.modality === "VIDEO";
    const paper = sound || nothing ? null : pageView({
      pages: segment.pages,
      marks,
      why: segment.picture,
      source: (page) => address(`${this.base}/picture`, { ...this.where, page }),
      chosen: (number, away) => light(number, away, true),
    });
    function light(number, away, fromPage) {
      for (const row of rows.values()) row.classList.remove("lit");
      const row = rows.get(number);
      if (away || !row) {
        if (away) paper?.light(null);
        return;
      }
      row.classList.add("lit");
      if (fromPage) row.scrollIntoView({ block: "nearest" });
      else paper?.light(number);
    }
    const side = h("section", { class: "side", "aria-label": "What was read" });
    show(
      this.body,
      h("div", { class: paper ? "split" : "" }, paper?.element, side),
    );
    const blueprint = segment.blueprint;
    show(
      side,
      facts([
        ["Blueprint", blueprint.name ? [blueprint.name, blueprint.version ? ` version ${blueprint.version}` : ""] : null],
        ["Class", blueprint.class],
        ["Match", blueprint.status ? [blueprint.status, blueprint.confidence === null || blueprint.confidence === undefined ? "" : ` (${Math.round(blueprint.confidence * 100)} %)`] : null],
        ["Pages", segment.pages.length > 1 ? `${segment.pages[0]} to ${segment.pages[segment.pages.length - 1]}` : null],
        ["Fields found", segment.fields_total ? `${count(segment.fields_found)} of ${count(segment.fields_total)}` : null],
      ]),
      nothing && !sound ? h("p", { class: "hint" }, segment.picture) : null,
      segment.missing.map((words) => h("div", { class: "notice" }, words)),
      tabs([
        fields.length ? ["Fields", () => fieldTable(fields, segment, rows, light)] : null,
        ...content(segment),
        ["JSON", () => this.raw(segment)],
      ].filter(Boolean)),
    );
  }

  raw(segment) {
    const here = this.value.segments[segment.index] ?? {};
    const out = h("pre", { class: "raw", tabindex: "0" });
    const choices = [here.has_custom ? ["custom", "Custom output"] : null, here.has_standard ? ["standard", "Standard output"] : null, ["metadata", "Job metadata"]].filter(Boolean);
    const load = async (which) => {
      show(out, "Loading…");
      try {
        const body = await text(address(`${this.base}/raw`, { ...this.where, index: segment.index, which }));
        show(out, body.length > 500_000 ? `${body.slice(0, 500_000)}\n… the file is longer; download it from S3.` : body);
      } catch (error) {
        show(out, error.message);
      }
    };
    load(choices[0][0]);
    return [h("div", { class: "tabs" }, choices.map(([which, words]) => h("button", { type: "button", onclick: () => load(which) }, words))), out];
  }
}

// Tabs as the ARIA practices have them: one stop of the Tab key, arrows within.
function tabs(entries) {
  const panel = h("div", { role: "tabpanel", tabindex: "0", id: "panel" });
  const buttons = entries.map(([words], at) => h("button", { type: "button", role: "tab", "aria-controls": "panel", onclick: () => choose(at), onkeydown: (event) => step(event, at) }, words));
  function choose(at) {
    buttons.forEach((button, number) => {
      button.setAttribute("aria-selected", String(number === at));
      button.tabIndex = number === at ? 0 : -1;
    });
    show(panel, entries[at][1]());
  }
  function step(event, at) {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + buttons.length) % buttons.length;
    choose(next);
    buttons[next].focus();
  }
  choose(0);
  return [h("div", { class: "tabs", role: "tablist" }, buttons), panel];
}

function fieldTable(fields, segment, rows, light) {
  rows.clear();
  const used = BANDS.filter((entry) => fields.some((field) => field.found && band(field.confidence) === entry));
  const missing = fields.filter((field) => !field.found).length;
  return [
    h("ul", { class: "legend", "aria-label": "Legend of confidence" }, used.map((entry) => h("li", { class: `band ${entry.name}` }, h("span", { "aria-hidden": "true" }, entry.mark), " ", entry.words))),
    h(
      "table",
      { class: "fields" },
      h("caption", { class: "unseen" }, "Extracted fields"),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Field"), h("th", { scope: "col" }, "Value"), h("th", { scope: "col", class: "number" }, "Confidence"))),
      h(
        "tbody",
        null,
        fields.map((field) => {
          const { name, mark, words } = band(field.confidence);
          const row = h(
            "tr",
            { tabindex: "0", "data-field": field.number, onmouseenter: () => light(field.number), onfocus: () => light(field.number), onmouseleave: () => light(null, true), onblur: () => light(null, true) },
            h("th", { scope: "row" }, field.path.split(/(?<=[\].])/).map((part) => [h("wbr"), part])),
            h("td", null, field.found ? String(field.value) : h("em", null, "not found in the document"), field.found && !field.boxes.length ? h("span", { class: "hint" }, " (no place given)") : null),
            h("td", { class: `number band ${field.found ? name : ""}` }, field.found ? [h("span", { "aria-hidden": "true" }, mark), " ", field.confidence === null ? h("span", { title: words }, "–") : `${Math.round(field.confidence * 100)} %`] : ""),
          );
          rows.set(field.number, row);
          return row;
        }),
      ),
    ),
    missing ? h("p", { class: "hint" }, `${count(missing)} fields of the blueprint were not found.`) : null,
    segment.fields_total > fields.length ? h("p", { class: "hint" }, `${count(segment.fields_total - fields.length)} more fields are in the raw JSON.`) : null,
  ];
}
