// The page of `ganvas watch`: a list, a run, two runs beside each other, or a study.
// It is told everything once, then what changes (server-sent events).

import { Chart, formatNumber } from "/static/charts.js";

const STALE_SECONDS = 120; // a run that trains and wrote nothing for so long is said to
const RUNNING = ["running", "running elsewhere"];
const BAD_ENDS = ["diverged", "unhealthy", "crashed", "collapsed", "stopped without saving"];
const PLAY_MS = 350;

const byId = (id) => document.getElementById(id);
const images = (count) => Math.round(count).toLocaleString("en");

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

// Replace an element's content only where it is another: focus and selection stay.
function fill(element, ...children) {
  const wanted = el("div", {}, ...children);
  if (wanted.innerHTML !== element.innerHTML) element.replaceChildren(...wanted.childNodes);
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

let clock = { server: 0, here: 0 };
const now = () => clock.server + (Date.now() - clock.here) / 1000;

function stateText(row) {
  const kind = RUNNING.includes(row.state) ? "running" : BAD_ENDS.includes(row.state) ? "ended-badly" : "";
  const age = row.updated ? now() - row.updated : 0;
  const stale = RUNNING.includes(row.state) && age > STALE_SECONDS;
  return [
    el("span", { class: kind }, row.state),
    stale ? el("span", { class: "sub" }, `no news for ${duration(age)}`) : "",
  ];
}

function progressParts(row) {
  const bar = el("progress", { max: row.budget, value: Math.min(row.seen, row.budget), "aria-label": "images seen" });
  return [`${images(row.seen)} of ${images(row.budget)}`, bar];
}

function healthParts(row) {
  const kinds = ["healthy", "watch", "failing"];
  const text = el("span", { class: kinds.includes(row.health) ? row.health : "muted" }, row.health);
  return [text, row.symptom ? el("span", { class: "sub" }, row.symptom) : ""];
}

function scoreParts(score) {
  if (!score) return [];
  return [formatNumber(score.value), el("span", { class: "sub" }, score.metric)];
}

const timeLeft = (row) => (row.left === null || row.left === undefined ? "" : duration(row.left));
const rate = (row) => (row.rate === null || row.rate === undefined ? "" : `${formatNumber(row.rate, 3)}/s`);

// ---- the list

class ListPage {
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

const studyRuns = (row) => `${row.ended} of ${row.total} runs ended${row.running ? `, ${row.running} running` : ""}${row.failed ? `, ${row.failed} failed` : ""}`;

function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

function table(label, headings) {
  const heads = headings.map((text) => el("th", { scope: "col", class: text.startsWith(">") ? `right${text === ">rate" ? " when-wide" : ""}` : text === "data" ? "when-wide" : null }, text.replace(">", "") || el("span", { class: "unseen" }, "chosen")));
  return el("div", { class: "scroll list", role: "region", "aria-label": label }, el("table", {}, el("caption", { class: "unseen" }, label), el("thead", {}, el("tr", {}, ...heads)), el("tbody")));
}

// ---- a run, or two beside each other

class RunsPage {
  constructor(ids) {
    this.ids = ids;
    this.parts = new Map(ids.map((id) => [id, { history: null, scores: null, grids: [] }]));
    this.query = `events?${ids.map((id) => `run=${id}`).join("&")}`;
    this.two = ids.length === 2;
    this.count = this.two ? "two" : "one";
    this.charts = new Map();
    this.axis = el("select", { id: "axis", onchange: () => this.drawCharts() }, el("option", { value: "auto" }, "automatic"), el("option", { value: "linear" }, "linear"), el("option", { value: "log" }, "logarithmic"));
    this.overviews = new Map(ids.map((id) => [id, new Overview(id)]));
    this.slide = new Slide((seen) => this.showGrids(seen));
    const columns = el("div", { class: `columns ${this.count}` }, ...[...this.overviews.values()].map((overview) => overview.element));
    this.health = new Map(ids.map((id) => [id, el("div")]));
    this.main = el("div", { class: `charts ${this.count}` });
    this.scores = el("div", { class: `charts ${this.count}` });
    this.other = el("div", { class: `charts ${this.count}` });
    this.notes = el("div");
    const more = el("details", { ontoggle: () => this.drawCharts() }, el("summary", {}, "All other numbers of the history"), this.other);
    this.scoreSection = section("Scores while training", this.scores);
    byId("content").append(
      this.notes,
      section("Samples", this.slide.element, columns),
      section("Health", el("div", { class: `columns ${this.count} stacked` }, ...this.health.values())),
      this.scoreSection,
      section("Curves", el("div", { class: "tools" }, el("label", { for: "axis" }, "Axis", this.axis), el("span", { class: "muted" }, "Over images seen. The pointer or the arrow keys show values.")), this.main, more),
    );
    setInterval(() => this.showTitle(), 10_000);
  }

  receive(message) {
    for (const [id, news] of Object.entries(message.parts)) {
      const part = this.parts.get(id);
      const { history, scores, ...rest } = news;
      Object.assign(part, rest);
      if (history) part.history = merge(part.history, history);
      if (scores) part.scores = merge(part.scores, scores);
      if (part.row) {
        this.overviews.get(id).show(part, this.two);
        fill(this.health.get(id), ...healthSection(part, this.two));
      }
    }
    const seen = new Set([...this.parts.values()].flatMap((part) => part.grids));
    this.slide.offer([...seen].sort((a, b) => a - b));
    this.showTitle();
    this.drawCharts();
  }

  showTitle() {
    const rows = [...this.parts.values()].map((part) => part.row).filter(Boolean);
    const notes = [];
    for (const part of this.parts.values()) {
      const name = part.row ? part.row.name : "The run";
      if (part.gone) notes.push(el("p", { class: "note" }, `${name} is no longer in its place: it was moved or deleted. `, el("a", { href: "/" }, "All runs")));
      else if (part.row?.problem) notes.push(el("p", { class: "note" }, part.row.problem));
      if (part.read < 1) notes.push(el("p", { class: "note" }, `Reading the history of ${name}: ${Math.round(part.read * 100)} %`));
      if (part.unreadable) notes.push(el("p", { class: "note" }, `${images(part.unreadable)} lines of the history of ${name} cannot be read and are left out.`));
    }
    fill(this.notes, ...notes);
    if (rows.length === 0) return;
    fill(byId("kicker"), el("a", { href: "/" }, "All runs"), " · ganvas watch");
    byId("title").textContent = rows.map((row) => row.name).join(" and ");
    const first = rows[0];
    const part = first.budget ? `${Math.floor((100 * first.seen) / first.budget)} % · ` : "";
    document.title = this.two ? `${byId("title").textContent} · ganvas watch` : `${part}${first.name} · ganvas watch`;
    if (!this.two && !first.problem) fill(byId("lede"), ...headline(first));
  }

  showGrids(seen) {
    for (const [id, part] of this.parts) {
      const shown = part.grids.findLast((grid) => grid <= seen) ?? part.grids[0];
      this.overviews.get(id).showGrid(shown, part);
    }
  }

  drawCharts() {
    const parts = [...this.parts.values()];
    const plots = new Map();
    for (const part of parts) {
      for (const plot of part.plots ?? []) {
        const known = plots.get(plot.title);
        const lines = new Map([...(known?.lines ?? []), ...plot.lines]);
        plots.set(plot.title, { ...plot, lines: [...lines], caption: this.two ? "" : plot.caption });
      }
    }
    for (const plot of plots.values()) this.drawPlot(plot.other ? this.other : this.main, plot, "history");
    const metrics = new Set(parts.flatMap((part) => Object.keys(part.scores?.columns ?? {})));
    for (const metric of metrics) {
      const floor = parts.map((part) => part.floors?.[metric]).find((value) => value !== undefined);
      const mark = floor === undefined ? null : [floor, "real images"];
      this.drawPlot(this.scores, { title: metric, lines: [[metric, metric]], mark, limits: [null, null], caption: "" }, "scores");
    }
    this.scoreSection.hidden = metrics.size === 0;
  }

  drawPlot(place, plot, source) {
    const key = `${source} ${plot.title}`;
    if (!this.charts.has(key)) {
      const charts = [...this.parts.values()].map(() => new Chart(plot));
      place.append(...charts.map((chart) => chart.figure));
      this.charts.set(key, charts);
    }
    const charts = this.charts.get(key), parts = [...this.parts.values()];
    charts.forEach((chart, i) => {
      chart.plot = plot;
      chart.series = parts[i][source] ?? { x: [], columns: {} };
    });
    const range = Chart.range(charts, this.axis.value);
    charts.forEach((chart) => chart.update(chart.series, range));
  }
}

// A history as it is known here, with the buckets that have come.
function merge(known, news) {
  const series = known && news.begin > 0 ? known : { x: [], columns: {} };
  series.x = [...series.x.slice(0, news.begin), ...news.x];
  for (const name of new Set([...Object.keys(series.columns), ...Object.keys(news.columns)])) {
    const [low = [], high = low] = series.columns[name] ?? [];
    const empty = news.x.map(() => null);
    const [newLow = empty, newHigh = newLow] = news.columns[name] ?? [];
    const extended = (values, more) => [...Array.from({ length: news.begin }, (_, i) => values[i] ?? null), ...more];
    const joined = extended(low, newLow);
    series.columns[name] = low === high && newLow === newHigh ? [joined] : [joined, extended(high, newHigh)];
  }
  return series;
}

function headline(row) {
  const left = timeLeft(row);
  const parts = [
    el("span", {}, ...stateText(row)),
    ` · ${images(row.seen)} of ${images(row.budget)} images`,
    row.rate && RUNNING.includes(row.state) ? ` · ${rate(row)}` : "",
    left ? ` · ${left} left` : "",
  ];
  const badge = ["healthy", "watch", "failing"].includes(row.health) ? el("span", { class: `badge ${row.health}` }, row.health) : "";
  return [
    el("p", { class: "lede" }, badge, ...parts),
    el("progress", { max: row.budget, value: Math.min(row.seen, row.budget), "aria-label": "images seen" }),
    row.reason ? el("p", {}, row.reason) : "",
  ];
}

class Overview {
  constructor(id) {
    this.id = id;
    this.head = el("div");
    this.image = el("img", { alt: "" });
    this.caption = el("figcaption", {}, "No samples yet");
    this.facts = el("div");
    const grid = el("div", { class: "grid" }, el("figure", {}, this.image, this.caption));
    this.image.hidden = true;
    this.element = el("div", {}, this.head, el("div", { class: "overview" }, grid, this.facts));
  }

  show(part, two) {
    if (two && !part.row.problem) fill(this.head, el("h3", {}, el("a", { href: `/run/${this.id}` }, part.row.name)), ...headline(part.row));
    const facts = (part.facts ?? []).map(([term, value, note]) => el("div", {}, el("dt", {}, term), el("dd", {}, value), el("dd", {}, note)));
    const score = part.row.score;
    if (score) facts.push(el("div", {}, el("dt", {}, score.metric), el("dd", {}, formatNumber(score.value)), el("dd", {}, `at ${images(score.images_seen)} images; real images ${formatNumber(score.floor)}`)));
    const report = part.report ? el("p", {}, el("a", { href: `/report/${this.id}` }, "The report of this run")) : "";
    const commands = (part.commands ?? []).map((command) => el("pre", { class: "wrap" }, el("code", {}, command)));
    fill(this.facts, el("dl", { class: "facts" }, ...facts), report, two ? "" : el("h3", {}, "In the terminal"), ...(two ? [] : commands));
  }

  showGrid(seen, part) {
    if (seen === undefined) return;
    const source = `/grid/${this.id}/${seen}.png`;
    if (this.image.getAttribute("src") === source) return;
    this.image.src = source;
    this.image.hidden = false;
    this.image.alt = `Samples of ${part.row?.name ?? "the run"} at ${images(seen)} images seen`;
    this.caption.textContent = `at ${images(seen)} images seen`;
  }
}

// The slider over the grids; it follows the newest one until it is moved.
class Slide {
  constructor(show) {
    this.show = show;
    this.seen = [];
    this.follows = true;
    this.range = el("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "images seen", oninput: () => this.moved() });
    this.output = el("output");
    this.button = el("button", { type: "button", onclick: () => this.play() }, "Play");
    this.element = el("div", { class: "slide" }, this.button, this.range, this.output);
    this.element.hidden = true;
  }

  offer(seen) {
    const at = this.seen[this.range.value];
    this.seen = seen;
    this.element.hidden = seen.length < 2;
    if (seen.length === 0) return;
    this.range.max = seen.length - 1;
    const kept = seen.findLastIndex((value) => value <= at);
    this.range.value = this.follows && !this.timer ? seen.length - 1 : Math.max(0, kept);
    this.tell();
  }

  moved() {
    this.stop();
    this.follows = Number(this.range.value) === this.seen.length - 1;
    this.tell();
  }

  tell() {
    const seen = this.seen[this.range.value];
    this.output.textContent = `${images(seen)} images`;
    this.range.setAttribute("aria-valuetext", `${images(seen)} images seen`);
    this.show(seen);
  }

  play() {
    if (this.timer) return this.stop();
    if (Number(this.range.value) === this.seen.length - 1) this.range.value = 0;
    this.button.textContent = "Stop";
    this.tell();
    this.timer = setInterval(() => {
      this.range.value = Number(this.range.value) + 1;
      this.tell();
      if (Number(this.range.value) === this.seen.length - 1) this.stop();
    }, PLAY_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.button.textContent = "Play";
    this.follows = Number(this.range.value) === this.seen.length - 1;
  }
}

function healthSection(part, two) {
  const cases = part.findings.map((finding) => el("div", { class: `case is-${finding.verdict}` },
    el("h3", {}, el("span", { class: `badge ${finding.verdict}` }, finding.verdict), finding.symptom),
    el("p", {}, finding.meaning),
    el("p", { class: "muted" }, `Since ${images(finding.since)} images. ${finding.numbers.map((number) => `${number.name} is ${formatNumber(number.value)}; normal: ${number.normal}`).join(". ")}`),
    finding.advice.length ? el("ul", {}, ...finding.advice.map((change) => el("li", {}, el("code", {}, change.flag), `: ${change.why}`))) : "",
  ));
  const events = part.events.map((event) => el("li", {}, `${images(event.images_seen)}: ${eventText(event)}`));
  const none = part.row.problem ? "" : { healthy: "No symptom of unhealthy training.", failing: "Training ended by itself." }[part.row.health] ?? `Health: ${part.row.health}.`;
  return [
    two ? el("h3", {}, part.row.name) : "",
    ...(cases.length ? cases : [el("p", {}, none)]),
    events.length ? el(two ? "h4" : "h3", {}, "What happened") : "",
    events.length ? el("ul", { class: "events", tabindex: "0" }, ...events) : "",
  ];
}

function eventText(event) {
  if (event.event === "end") return `${event.symptom} is over`;
  if (event.event === "rewind") return `rewound to here from ${images(event.failed_at)}, because of ${event.symptom}`;
  return `${event.verdict}, ${event.symptom}`;
}

// ---- a study

class StudyPage {
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

// ---- the connection

function connect(page) {
  let source;
  const status = byId("connection");
  const open = () => {
    source = new EventSource(`/${page.query}`);
    source.onopen = () => { status.textContent = "Live"; status.className = ""; };
    source.onerror = () => { status.textContent = "ganvas watch does not answer; trying again"; status.className = "offline"; };
    source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      clock = { server: message.time, here: Date.now() };
      page.receive(message);
    };
  };
  // A page that nobody sees asks for nothing: browsers allow only six connections to a server.
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (document.visibilityState === "visible") open();
  });
  addEventListener("pagehide", () => source.close());
  open();
}

const [, kind, ...ids] = location.pathname.split("/");
const pages = { run: () => new RunsPage(ids), beside: () => new RunsPage(ids), study: () => new StudyPage(ids[0]) };
connect((pages[kind] ?? (() => new ListPage()))());
