// Two plots as plain SVG. Each says in words what it shows.

import { h, svg } from "./dom.js";
import { count, duration } from "./format.js";

const WIDTH = 640;
const HEIGHT = 150;
const LEFT = 48;
const BOTTOM = 20;

function frame(title, words, ...inside) {
  return h(
    "figure",
    { class: "plot" },
    h("figcaption", null, title),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words }, inside),
  );
}

function label(x, y, text, anchor = "middle") {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

export function progressPlot(history, total) {
  if (history.length < 2) return null;
  const [first] = history[0];
  const [last, done] = history[history.length - 1];
  const top = Math.max(total || done, 1);
  const x = (moment) => LEFT + ((moment - first) / Math.max(last - first, 1)) * (WIDTH - LEFT - 10);
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 12);
  const points = history.map(([moment, value]) => `${x(moment).toFixed(1)},${y(value).toFixed(1)}`);
  const clock = (moment) => new Date(moment * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return frame(
    "Documents done over time",
    `${count(done)} of ${count(total)} done after ${duration(last - first)}`,
    [0, 0.5, 1].map((part) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 10, y1: y(top * part), y2: y(top * part) }),
      label(LEFT - 6, y(top * part) + 4, count(Math.round(top * part)), "end"),
    ]),
    svg("polygon", { class: "area", points: `${x(first)},${y(0)} ${points.join(" ")} ${x(last)},${y(0)}` }),
    svg("polyline", { class: "line", points: points.join(" ") }),
    label(LEFT, HEIGHT - 5, clock(first), "start"),
    label(WIDTH - 10, HEIGHT - 5, clock(last), "end"),
  );
}

export function histogram(found) {
  if (!found) return null;
  const top = Math.max(...found.bins, 1);
  const step = (WIDTH - LEFT - 10) / found.bins.length;
  const height = HEIGHT - BOTTOM - 12;
  const at = (seconds) => LEFT + (seconds / (found.width * found.bins.length)) * (WIDTH - LEFT - 10);
  const y = HEIGHT - BOTTOM;
  return frame(
    `Seconds a job took: median ${duration(found.median)}, 95 % under ${duration(found.p95)}`,
    `Durations: median ${duration(found.median)}, 95th percentile ${duration(found.p95)}, longest ${duration(found.max)}`,
    label(LEFT - 6, 16, count(top), "end"),
    found.bins.map((value, number) =>
      svg(
        "rect",
        { class: "column", x: LEFT + number * step + 1, y: y - (value / top) * height, width: Math.max(step - 2, 1), height: (value / top) * height },
        svg("title", null, `${duration(number * found.width)} to ${duration((number + 1) * found.width)}: ${count(value)}`),
      ),
    ),
    svg("line", { class: "mark", x1: at(found.median), x2: at(found.median), y1: 8, y2: y }),
    svg("line", { class: "mark late", x1: at(found.p95), x2: at(found.p95), y1: 8, y2: y }),
    label(LEFT, HEIGHT - 5, "0", "start"),
    label(WIDTH - 10, HEIGHT - 5, duration(found.max), "end"),
  );
}
