// Pieces that all pages of `ganvas watch` are made of.

import { formatNumber } from "/static/charts.js";

const STALE_SECONDS = 120; // a run that trains and wrote nothing for so long is said to
export const RUNNING = ["running", "running elsewhere"];
const BAD_ENDS = ["diverged", "unhealthy", "crashed", "collapsed", "stopped without saving"];

export const byId = (id) => document.getElementById(id);
export const images = (count) => Math.round(count).toLocaleString("en");

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

// Replace an element's content only where it is another: focus and selection stay.
export function fill(element, ...children) {
  const wanted = el("div", {}, ...children);
  if (wanted.innerHTML !== element.innerHTML) element.replaceChildren(...wanted.childNodes);
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

let clock = { server: 0, here: 0 };
// What the server says that the time is, on whatever machine.
export const setClock = (server) => { clock = { server, here: Date.now() }; };
const now = () => clock.server + (Date.now() - clock.here) / 1000;

export function stateText(row) {
  const kind = RUNNING.includes(row.state) ? "running" : BAD_ENDS.includes(row.state) ? "ended-badly" : "";
  const age = row.updated ? now() - row.updated : 0;
  const stale = RUNNING.includes(row.state) && age > STALE_SECONDS;
  return [
    el("span", { class: kind }, row.state),
    stale ? el("span", { class: "sub" }, `no news for ${duration(age)}`) : "",
  ];
}

export function progressParts(row) {
  const bar = el("progress", { max: row.budget, value: Math.min(row.seen, row.budget), "aria-label": "images seen" });
  return [`${images(row.seen)} of ${images(row.budget)}`, bar];
}

export function healthParts(row) {
  const kinds = ["healthy", "watch", "failing"];
  const text = el("span", { class: kinds.includes(row.health) ? row.health : "muted" }, row.health);
  return [text, row.symptom ? el("span", { class: "sub" }, row.symptom) : ""];
}

export function scoreParts(score) {
  if (!score) return [];
  return [formatNumber(score.value), el("span", { class: "sub" }, `${score.metric} at ${images(score.images_seen)}`)];
}

export const timeLeft = (row) => (row.left === null || row.left === undefined ? "" : duration(row.left));
export const rate = (row) => (row.rate === null || row.rate === undefined ? "" : `${formatNumber(row.rate, 3)}/s`);

export const studyRuns = (row) => `${row.ended} of ${row.total} runs ended${row.running ? `, ${row.running} running` : ""}${row.failed ? `, ${row.failed} failed` : ""}`;

export function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

export function table(label, headings) {
  const heads = headings.map((text) => el("th", { scope: "col", class: text.startsWith(">") ? `right${text === ">rate" ? " when-wide" : ""}` : text === "data" ? "when-wide" : null }, text.replace(">", "") || el("span", { class: "unseen" }, "chosen")));
  return el("div", { class: "scroll list", role: "region", "aria-label": label }, el("table", {}, el("caption", { class: "unseen" }, label), el("thead", {}, el("tr", {}, ...heads)), el("tbody")));
}
