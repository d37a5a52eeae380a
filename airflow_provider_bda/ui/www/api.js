// Asks the server; an answer that has not changed is not sent again (304) and drawn again by nobody.

const kept = new Map();

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return `api/${path}${text ? `?${text}` : ""}`;
}

// Answers {value, changed}.
export async function ask(url) {
  const before = kept.get(url);
  const headers = before ? { "If-None-Match": before.etag } : {};
  const answer = await fetch(url, { headers, credentials: "same-origin", cache: "no-store" });
  if (answer.status === 304 && before) return { value: before.value, changed: false };
  if (!answer.ok) {
    let words = answer.statusText;
    try {
      words = (await answer.json()).detail ?? words;
    } catch {
      // not JSON: the status says it
    }
    throw new ApiError(answer.status, typeof words === "string" ? words : JSON.stringify(words));
  }
  if (!(answer.headers.get("content-type") ?? "").includes("json")) {
    throw new ApiError(0, "the server answered something else; is the plugin installed in the api-server?");
  }
  const value = await answer.json();
  const etag = answer.headers.get("etag");
  if (etag) {
    kept.delete(url);
    kept.set(url, { etag, value });
    if (kept.size > 40) kept.delete(kept.keys().next().value);
  }
  return { value, changed: true };
}

export async function text(url) {
  const answer = await fetch(url, { credentials: "same-origin" });
  const body = await answer.text();
  if (!answer.ok) {
    let words = answer.statusText;
    try {
      words = JSON.parse(body).detail ?? words;
    } catch {
      // as above
    }
    throw new ApiError(answer.status, String(words));
  }
  return body;
}
