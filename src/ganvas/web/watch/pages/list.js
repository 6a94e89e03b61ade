// The list of all runs and studies.

import { RUNNING, byId, images, el, fill, stateText, progressParts, healthParts, scoreParts, timeLeft, rate, studyRuns, section, table } from "/static/parts.js";

export class ListPage {
  constructor() {
    this.runs = new Map();
    this.studies = new Map();
    this.rows = new Map();
    this.chosen = new Set();
    this.query = "events";
    const search = el("input", { type: "search", id: "filter", oninput: () => this.arrange() });
    this.beside = el("button", { type: "button", disabled: true, onclick: () => this.openBeside() }, "Two runs side by side");
    this.tools = el("div", { class: "tools" }, el("label", { for: "filter" }, "Filter", search), this.beside);
    this.search = search;
    this.studyTable = table("Studies", ["study", "data", "state", "runs", ">metric"]);
    this.runTable = table("Runs", ["", "run", "state", "images seen", ">rate", ">left", ">score", "health"]);
    this.notes = el("div");
    this.studySection = section("Studies", this.studyTable);
    this.runSection = section("Runs", this.tools, this.runTable);
    byId("content").append(this.notes, this.studySection, this.runSection);
    setInterval(() => this.refresh(), 10_000);
  }

  receive(message) {
    for (const id of message.gone) {
      this.runs.delete(id);
      this.studies.delete(id);
      this.chosen.delete(id);
      this.rows.get(id)?.remove();
      this.rows.delete(id);
    }
    for (const row of message.studies) this.studies.set(row.id, row);
    for (const row of message.runs) this.runs.set(row.id, row);
    this.folder = message.folder;
    this.links = message.links;
    this.refresh();
  }

  refresh() {
    if (this.folder === undefined) return;
    for (const row of this.studies.values()) this.showStudy(row);
    for (const row of this.runs.values()) this.showRun(row);
    const running = [...this.runs.values()].filter((row) => RUNNING.includes(row.state)).length;
    const ill = [...this.runs.values()].filter((row) => row.health === "failing").length;
    byId("kicker").textContent = `ganvas watch · ${this.folder}`;
    const count = this.runs.size === 1 ? "1 run" : `${images(this.runs.size)} runs`;
    const parts = [running ? `${running} running` : "", ill ? `${ill} failing` : ""].filter(Boolean);
    const title = this.runs.size || this.studies.size ? [count, ...parts].join(", ") : "Waiting for the first run";
    byId("title").textContent = title;
    document.title = `${title} · ganvas watch`;
    const notes = [];
    if (this.runs.size === 0 && this.studies.size === 0) {
      const command = el("pre", { class: "wrap" }, el("code", {}, "ganvas train mlp fashion"));
      notes.push(el("div", { class: "waiting" }, el("p", {}, `There is no run and no study below ${this.folder} yet. The page shows the first as soon as it is there; this makes one:`), command));
    }
    if (this.links) notes.push(el("p", { class: "note" }, `${this.links === 1 ? "One link to a folder is" : `${this.links} links to folders are`} not followed. Watch the folder that it leads to instead.`));
    fill(this.notes, ...notes);
    this.studySection.hidden = this.studies.size === 0;
    this.runSection.hidden = this.runs.size === 0;
    this.arrange();
  }

  row(id, cells) {
    if (!this.rows.has(id)) this.rows.set(id, el("tr", {}, ...cells.map(([tag, kind]) => el(tag, { class: kind || null, scope: tag === "th" ? "row" : null }))));
    const element = this.rows.get(id);
    cells.forEach(([, kind, ...content], i) => kind === "choose" || fill(element.children[i], ...content));
    return element;
  }

  showRun(row) {
    const problem = row.problem;
    const first = this.rows.has(row.id);
    const name = [el("a", { href: `/run/${row.id}` }, row.name), problem ? "" : el("span", { class: "sub" }, `${row.recipe} on ${row.data}`)];
    const cells = problem
      ? [el("span", { class: "failing" }, "cannot be read"), el("span", { class: "sub" }, problem), "", "", "", ""].map((part) => [part])
      : [stateText(row), progressParts(row), [rate(row)], [timeLeft(row)], scoreParts(row.score), healthParts(row)];
    const kinds = ["state", "any seen", "right when-wide", "right left", "right score", "health"];
    const element = this.row(row.id, [["td", "choose"], ["th", "name", ...name], ...cells.map((content, i) => ["td", kinds[i], ...content])]);
    if (!first) {
      const box = el("input", { type: "checkbox", "aria-label": `choose ${row.name}`, onchange: (event) => this.choose(row.id, event.target.checked) });
      element.children[0].append(box);
    }
    element.search = [row.name, row.recipe, row.data, row.state, row.health, row.symptom].join(" ").toLowerCase();
    element.order = [RUNNING.includes(row.state) ? 0 : 1, RUNNING.includes(row.state) ? 0 : -(row.updated ?? 0), row.name];
    element.table = this.runTable;
  }

  showStudy(row) {
    const name = [el("a", { href: `/study/${row.id}` }, row.name)];
    const runs = row.problem ? [el("span", { class: "sub" }, row.problem)] : [studyRuns(row), el("progress", { max: row.total, value: row.ended, "aria-label": "runs" })];
    const cells = row.problem ? [["cannot be read"], [], runs, []] : [[row.data], stateText(row), runs, [row.metric]];
    const kinds = ["when-wide", "state", "any seen", "right score"];
    const element = this.row(row.id, [["th", "name", ...name], ...cells.map((content, i) => ["td", kinds[i], ...content])]);
    element.search = [row.name, row.data, row.state].join(" ").toLowerCase();
    element.order = [0, 0, row.name];
    element.table = this.studyTable;
  }

  arrange() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const compare = (a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1] || a.order[2].localeCompare(b.order[2], "en", { numeric: true });
    const lists = new Map([[this.runTable, []], [this.studyTable, []]]);
    for (const row of this.rows.values()) {
      row.hidden = !words.every((word) => row.search.includes(word));
      lists.get(row.table).push(row);
    }
    for (const [owner, list] of lists) {
      const body = owner.querySelector("tbody");
      list.sort(compare);
      if (list.some((row, i) => body.children[i] !== row)) body.append(...list);
    }
  }

  choose(id, isChosen) {
    if (isChosen) this.chosen.add(id);
    else this.chosen.delete(id);
    this.beside.disabled = this.chosen.size !== 2;
  }

  openBeside() {
    location.href = `/beside/${[...this.chosen].join("/")}`;
  }
}
