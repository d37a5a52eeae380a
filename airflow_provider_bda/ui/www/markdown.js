// Markdown as elements: headings, paragraphs, lists, tables, code, emphasis. Nothing of it is ever parsed as markup:
// HTML in it stays text, and links and pictures are shown by their words.

import { h } from "./dom.js";

const MAX_BLOCKS = 5_000;

export function markdown(source) {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks = [];
  let at = 0;
  while (at < lines.length && blocks.length < MAX_BLOCKS) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (!line.trim()) at += 1;
    else if (heading) {
      // The page has headings of its own above.
      blocks.push(h(`h${Math.min(heading[1].length + 2, 6)}`, null, inline(heading[2])));
      at += 1;
    } else if (line.startsWith("```")) {
      const code = [];
      for (at += 1; at < lines.length && !lines[at].startsWith("```"); at += 1) code.push(lines[at]);
      at += 1;
      blocks.push(h("pre", null, code.join("\n")));
    } else if (isRow(line) && at + 1 < lines.length && /^\s*\|?\s*:?-{2,}/.test(lines[at + 1])) {
      const rows = [cells(line)];
      for (at += 2; at < lines.length && isRow(lines[at]); at += 1) rows.push(cells(lines[at]));
      blocks.push(tableOf(rows));
    } else if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) {
      const items = [];
      for (; at < lines.length && /^\s*([-*+]|\d+[.)])\s+/.test(lines[at]); at += 1) items.push(lines[at].replace(/^\s*([-*+]|\d+[.)])\s+/, ""));
      blocks.push(h("ul", null, items.map((item) => h("li", null, inline(item)))));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push(h("hr"));
      at += 1;
    } else {
      const words = [];
      for (; at < lines.length && lines[at].trim() && !/^#{1,6}\s|^```/.test(lines[at]) && !(isRow(lines[at]) && words.length); at += 1) words.push(lines[at]);
      blocks.push(h("p", null, words.map((word, number) => [number ? h("br") : null, inline(word)])));
    }
  }
  if (at < lines.length) blocks.push(h("p", { class: "hint" }, "The rest is not shown; the raw JSON has it."));
  return blocks;
}

export function tableOf(rows) {
  const [head, ...body] = rows;
  return h(
    "div",
    { class: "scroll" },
    h("table", { class: "content" }, h("thead", null, h("tr", null, (head ?? []).map((cell) => h("th", { scope: "col" }, cell)))), h("tbody", null, body.slice(0, 2_000).map((row) => h("tr", null, row.map((cell) => h("td", null, cell)))))),
  );
}

// Reads CSV with quotes.
export function csv(source) {
  const rows = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < source.length; at += 1) {
    const letter = source[at];
    if (quoted) {
      if (letter === '"' && source[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"') quoted = true;
    else if (letter === ",") {
      rows[rows.length - 1].push(cell);
      cell = "";
    } else if (letter === "\n") {
      rows[rows.length - 1].push(cell.replace(/\r$/, ""));
      rows.push([]);
      cell = "";
    } else cell += letter;
  }
  rows[rows.length - 1].push(cell);
  return rows.filter((row) => row.some((entry) => entry.trim()));
}

// Reads the table of a Markdown text.
export function markdownTable(source) {
  const rows = source.split("\n").filter(isRow).map(cells);
  return rows.filter((row) => !row.every((cell) => /^:?-*:?$/.test(cell)));
}

const isRow = (line) => line !== undefined && line.trim().startsWith("|");

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function inline(text) {
  const parts = [];
  const pattern = /!\[([^\]]*)\]\([^)]*\)|\[([^\]]+)\]\([^)]*\)|\*\*([^*]+)\*\*|`([^`]+)`/g;
  let last = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(text.slice(last, found.index));
    if (found[1] !== undefined) parts.push(h("span", { class: "picture" }, `[picture: ${found[1]}]`));
    else if (found[2] !== undefined) parts.push(found[2]);
    else if (found[3] !== undefined) parts.push(h("strong", null, found[3]));
    else parts.push(h("code", null, found[4]));
    last = found.index + found[0].length;
  }
  parts.push(text.slice(last));
  return parts;
}
