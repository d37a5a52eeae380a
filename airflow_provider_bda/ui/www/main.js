// Which page the query asks for.

import { h, show } from "./dom.js";
import { followTheme, framed } from "./host.js";
import { drawDocument } from "./document.js";
import { drawOverview } from "./overview.js";
import { drawTask } from "./task.js";

// Airflow leaves {MAP_INDEX} and its like as they stand where it has nothing to put there.
function place() {
  const query = new URLSearchParams(window.location.search);
  const found = {};
  for (const name of ["dag_id", "run_id", "task_id", "map_index", "document_id"]) {
    const value = query.get(name) ?? "";
    found[name] = value.startsWith("{") ? "" : value;
  }
  return found;
}

function start() {
  document.documentElement.classList.toggle("framed", framed);
  followTheme();
  const main = document.getElementById("main");
  const here = place();
  if (here.dag_id && here.run_id && here.task_id) {
    if (here.document_id) drawDocument(main, here);
    else drawTask(main, here);
  } else drawOverview(main, here);
}

window.addEventListener("unhandledrejection", (event) => {
  show(document.getElementById("main"), h("div", { class: "notice bad", role: "alert" }, `This page broke: ${event.reason?.message ?? event.reason}`));
});
start();
