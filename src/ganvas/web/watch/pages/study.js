// The page of a study.

import { formatNumber } from "/static/charts.js";
import { byId, el, fill, stateText, progressParts, healthParts, studyRuns, section, table } from "/static/parts.js";

export class StudyPage {
  constructor(id) {
    this.query = `events?study=${id}`;
    this.id = id;
    this.content = el("div");
    byId("content").append(this.content);
  }

  receive(message) {
    fill(byId("kicker"), el("a", { href: "/" }, "All runs"), " · ganvas watch");
    if (message.gone) {
      fill(this.content, el("p", { class: "note" }, "The study is no longer in its place: it was moved or deleted."));
      return;
    }
    const row = message.study;
    byId("title").textContent = row.name;
    document.title = `${row.name} · ganvas watch`;
    if (row.problem) {
      fill(this.content, el("p", { class: "note" }, row.problem));
      return;
    }
    fill(byId("lede"),
      el("p", { class: "lede" }, el("span", {}, ...stateText(row)), ` · ${studyRuns(row)} · ${row.data}`),
      el("progress", { max: row.total, value: row.ended, "aria-label": "runs" }));
    const report = row.report ? el("p", {}, el("a", { href: `/report/${this.id}` }, "The report of this study")) : el("p", { class: "muted" }, "There is no report yet; this makes one:");
    fill(this.content,
      section("Arms", el("p", { class: "muted" }, `By ${row.metric}: ${row.better} is better. Verdicts are in the report.`), ...message.arms.map((arm) => this.arm(arm, row))),
      section("Report", report, ...row.commands.slice(0, 1).map((command) => el("pre", { class: "wrap" }, el("code", {}, command)))));
  }

  arm(arm, study) {
    const mean = arm.mean === null ? "" : `, mean ${formatNumber(arm.mean)} of ${arm.scored} ${arm.scored === 1 ? "run" : "runs"}`;
    const heads = ["seed", "state", "images seen", `>${study.metric}`, "health"];
    const owner = table(`${arm.name}${mean}`, heads);
    owner.querySelector("tbody").append(...arm.runs.map((run) => el("tr", {},
      el("th", { scope: "row", class: "name" }, run.id ? el("a", { href: `/run/${run.id}` }, `seed ${run.seed}`) : `seed ${run.seed}`),
      el("td", { class: "state" }, ...stateText(run), run.reason ? el("span", { class: "sub" }, run.reason) : ""),
      el("td", { class: "any seen" }, ...(run.budget ? progressParts(run) : [])),
      el("td", { class: "right score" }, formatNumber(run.score), run.score !== null && !run.ended ? el("span", { class: "sub" }, "so far") : ""),
      el("td", { class: "health" }, run.health ? healthParts(run)[0] : ""))));
    return el("div", {}, el("h3", {}, arm.name, mean), arm.changes ? el("p", { class: "muted" }, `${arm.changes}, compared with ${arm.against}`) : "", owner);
  }
}
