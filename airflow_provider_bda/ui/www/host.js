// Airflow around the frame: its theme, and ways to its own pages, which a sandboxed frame cannot open by itself.

// Grounds and states are our own: Airflow's are made for badges, and too dark to read as text on its dark ground.
const NAMES = {
  "--bg": "--chakra-colors-bg",
  "--fg": "--chakra-colors-fg",
  "--muted": "--chakra-colors-fg-muted",
  "--font": "--chakra-fonts-body",
};

function host() {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // another origin
  }
}

export const framed = host() !== null;

export function followTheme() {
  const root = document.documentElement;
  const around = host();
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    let dark = media.matches;
    const own = localStorage.getItem("theme");
    if (around) {
      const theirs = around.document.documentElement;
      if (theirs.classList.contains("dark")) dark = true;
      else if (theirs.classList.contains("light")) dark = false;
      const style = around.getComputedStyle(theirs);
      for (const [mine, name] of Object.entries(NAMES)) {
        const value = style.getPropertyValue(name).trim();
        if (value) root.style.setProperty(mine, value);
        else root.style.removeProperty(mine);
      }
    } else if (own === "dark" || own === "light") dark = own === "dark";
    root.classList.toggle("dark", dark);
  }
  apply();
  media.addEventListener("change", apply);
  if (around) {
    new MutationObserver(() => requestAnimationFrame(apply)).observe(around.document.documentElement, {
      attributes: true,
      attributeFilter: ["class", "style"],
    });
  }
}

// The path under which Airflow lives: everything before our own prefix.
function base() {
  return window.location.pathname.replace(/\/bda\/page$/, "");
}

// A place in Airflow's own pages, as an address.
export function airflowPath(dagId, runId, taskId, mapIndex) {
  const step = encodeURIComponent;
  let path = `${base()}/dags/${step(dagId)}`;
  if (runId) path += `/runs/${step(runId)}`;
  if (taskId) path += `/tasks/${step(taskId)}`;
  if (taskId && /^\d+$/.test(String(mapIndex ?? ""))) path += `/mapped/${mapIndex}`;
  return path;
}

// Opens a page of Airflow in its own window: by its router, without a reload.
export function openInAirflow(event, path) {
  const around = host();
  if (!around || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  around.history.pushState({}, "", path);
  around.dispatchEvent(new around.PopStateEvent("popstate", { state: {} }));
}

// Opens an address elsewhere: the frame may open no window, the page around it may.
export function openElsewhere(event, address) {
  const around = host();
  if (!around) return;
  event.preventDefault();
  const link = around.document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.click();
}
