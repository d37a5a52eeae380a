// The pages of a document with boxes over them; an outline of the page where there is no picture.

import { h, show } from "./dom.js";
import { band } from "./format.js";

export function pageView({ pages, marks, why, source, chosen }) {
  const shapes = new Map();
  const sheet = h("div", { class: "sheet" });
  const note = h("p", { class: "hint" }, why ?? "");
  const select = h("select", { "aria-label": "Page", onchange: () => go(Number(select.value)) }, pages.map((page) => h("option", { value: page }, `Page ${page}`)));
  const step = (by) => {
    const at = pages.indexOf(current) + by;
    if (pages[at] !== undefined) go(pages[at]);
  };
  let current = null;

  function go(page) {
    if (page === current) return;
    current = page;
    select.value = String(page);
    shapes.clear();
    const boxes = [];
    for (const mark of marks) {
      for (const box of mark.boxes) {
        if (box.page !== page) continue;
        const shape = h("button", {
          type: "button",
          class: mark.line ? "box line" : `box band ${band(mark.confidence).name}`,
          tabindex: "-1",
          "data-box": mark.number,
          title: `${mark.path}: ${mark.value}`,
          "aria-label": `${mark.path}: ${mark.value}`,
          style: { left: `${box.left * 100}%`, top: `${box.top * 100}%`, width: `${box.width * 100}%`, height: `${box.height * 100}%` },
          onmouseenter: () => { lightBox(mark.number); chosen(mark.number, false); },
          onmouseleave: () => chosen(mark.number, true),
          onclick: () => chosen(mark.number, false),
        }, mark.line ? null : h("span", { class: "mark", "aria-hidden": "true" }, band(mark.confidence).mark));
        if (!shapes.has(mark.number)) shapes.set(mark.number, []);
        shapes.get(mark.number).push(shape);
        boxes.push(shape);
      }
    }
    if (why) {
      sheet.classList.add("outline");
      show(sheet, boxes);
      return;
    }
    sheet.classList.add("loading");
    const picture = h("img", {
      alt: `Page ${page}`,
      src: source(page),
      onload: () => sheet.classList.remove("loading", "outline"),
      onerror: () => {
        picture.remove();
        sheet.classList.remove("loading");
        sheet.classList.add("outline");
        tell(source(page));
      },
    });
    show(sheet, picture, boxes);
  }

  async function tell(address) {
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      note.textContent = answer.ok ? "" : ((await answer.json()).detail ?? "There is no picture of this page.");
    } catch {
      note.textContent = "There is no picture of this page.";
    }
  }

  function lightBox(number) {
    for (const list of shapes.values()) for (const shape of list) shape.classList.remove("lit");
    for (const shape of shapes.get(number) ?? []) shape.classList.add("lit");
  }

  function light(number) {
    if (number === null) {
      lightBox(null);
      return;
    }
    const mark = marks.find((entry) => entry.number === number);
    if (mark?.boxes.length && !mark.boxes.some((box) => box.page === current)) go(mark.boxes[0].page);
    lightBox(number);
    shapes.get(number)?.[0]?.scrollIntoView({ block: "nearest" });
  }

  const several = pages.length > 1;
  const element = h(
    "section",
    { class: "paper", "aria-label": "Pages" },
    several ? h("div", { class: "pager" }, h("button", { type: "button", "aria-label": "Previous page", onclick: () => step(-1) }, "‹"), select, h("span", { class: "hint" }, `of pages ${pages[0]} to ${pages[pages.length - 1]}`), h("button", { type: "button", "aria-label": "Next page", onclick: () => step(1) }, "›")) : null,
    note,
    sheet,
  );
  go(marks.flatMap((mark) => mark.boxes).map((box) => box.page).sort((a, b) => a - b).find((page) => pages.includes(page)) ?? pages[0]);
  return { element, light };
}
