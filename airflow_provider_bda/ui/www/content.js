// The standard output of a segment as tabs: text, tables, transcript, what an image shows.

import { h } from "./dom.js";
import { clock, count } from "./format.js";
import { facts } from "./parts.js";
import { csv, markdown, markdownTable, tableOf } from "./markdown.js";

export function content(segment) {
  const standard = segment.standard;
  if (!standard) return [];
  const tabs = [];
  if (standard.transcript?.length) tabs.push(["Transcript", () => transcript(standard)]);
  if (standard.markdown) tabs.push(["Text", () => h("div", { class: "prose" }, markdown(standard.markdown))]);
  else if (standard.text) tabs.push(["Text", () => h("pre", { class: "prose" }, standard.text)]);
  if (standard.lines?.length) tabs.push(["Text", () => h("ul", null, standard.lines.map((line) => h("li", null, line.text)))]);
  if (standard.tables?.length) tabs.push([`Tables (${count(standard.tables_total)})`, () => standard.tables.map(table)]);
  if (standard.topics?.length) tabs.push(["Topics", () => h("ul", null, standard.topics.map((topic) => h("li", null, h("span", { class: "hint" }, clock(topic.start), "–", clock(topic.end), " "), topic.text)))]);
  if (standard.summary || standard.description || standard.labels?.length || standard.figures?.length) tabs.push(["Summary", () => summary(standard)]);
  const details = Object.entries({ ...standard.metadata, ...standard.statistics });
  if (details.length) tabs.push(["Details", () => facts(details.map(([name, value]) => [name.replaceAll("_", " "), String(value)]))]);
  return tabs;
}

function table(entry, number) {
  let rows = [];
  if (entry.csv) rows = csv(entry.csv);
  else if (entry.markdown) rows = markdownTable(entry.markdown);
  else if (entry.html) rows = htmlTable(entry.html);
  return h("figure", null, h("figcaption", null, entry.title || `Table ${number + 1}`, entry.pages.length ? h("span", { class: "hint" }, ` page ${entry.pages.join(", ")}`) : null), rows.length ? tableOf(rows) : h("p", { class: "hint" }, "Its cells are in the raw JSON only."));
}

// A parsed document of its own runs no script and loads nothing; only the text of its cells is taken.
function htmlTable(source) {
  const parsed = new DOMParser().parseFromString(source, "text/html");
  return [...parsed.querySelectorAll("tr")].slice(0, 2_000).map((row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent));
}

function transcript(standard) {
  const speakers = [...new Set(standard.transcript.map((line) => line.speaker))];
  return [
    h("ol", { class: "transcript" }, standard.transcript.map((line) => h("li", null, h("span", { class: "time" }, clock(line.start)), line.speaker ? h("span", { class: `speaker s${speakers.indexOf(line.speaker) % 6}` }, line.speaker) : null, h("span", null, line.text)))),
    standard.transcript_total > standard.transcript.length ? h("p", { class: "hint" }, `${count(standard.transcript_total - standard.transcript.length)} more sentences are in the raw JSON.`) : null,
  ];
}

function summary(standard) {
  return [
    standard.summary ? h("p", null, standard.summary) : null,
    standard.description && standard.description !== standard.summary ? h("p", null, standard.description) : null,
    standard.labels?.length ? h("ul", { class: "labels" }, standard.labels.map((label) => h("li", { class: "tag" }, label))) : null,
    standard.figures?.map((figure) => h("p", null, h("strong", null, figure.title || "Figure"), " ", figure.summary)),
  ];
}
