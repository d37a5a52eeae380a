// Numbers, times and states in words.

const number = new Intl.NumberFormat("en-US");
const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

export const count = (value) => (value === null || value === undefined ? "–" : number.format(value));
export const dollars = (value) => (value === null || value === undefined ? "–" : money.format(value));

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24)} d`;
}

export function clock(millis) {
  if (millis === null || millis === undefined) return "";
  const total = Math.floor(millis / 1000);
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, at) => (at ? String(part).padStart(2, "0") : String(part))).join(":");
}

export function moment(text) {
  if (!text) return "–";
  const when = new Date(text);
  return when.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

// Shapes, so that no state is told by its colour alone.
export const STATES = {
  succeeded: "✓",
  failed: "✕",
  rejected: "⊘",
  running: "▶",
  waiting: "○",
  skipped: "–",
};

// How a batch's engine ended, where the task's state does not say it.
export const ENDINGS = {
  portion: "a portion",
  stopped: "stopped by its own limits",
  refused: "refused by the service",
  deadline: "out of time",
  interrupted: "broken off",
  finishing: "writing results",
};

// What does again what failed for a reason.
export const HELPS = {
  retry: "a retry does these again",
  clear: "mend the cause, then clear the task",
};

// From where a confidence counts as high or medium.
export const BANDS = [
  { name: "high", from: 0.9, mark: "●", words: "high, 90 % and above" },
  { name: "medium", from: 0.6, mark: "◆", words: "medium, 60 to 90 %" },
  { name: "low", from: 0, mark: "▲", words: "low, below 60 %" },
  { name: "none", from: null, mark: "○", words: "no confidence given" },
];

export function band(confidence) {
  if (confidence === null || confidence === undefined) return BANDS[3];
  return BANDS.find((entry) => confidence >= entry.from) ?? BANDS[2];
}
