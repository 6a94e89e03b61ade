// The page of a run, or of two beside each other.

import { Chart, formatNumber } from "/static/charts.js";
import { RUNNING, byId, images, el, fill, stateText, timeLeft, rate, section } from "/static/parts.js";

const PLAY_MS = 350;

export class RunsPage {
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
      const grid = part.grids.findLast((images) => images <= seen) ?? part.grids[0];
      this.overviews.get(id).showGrid(grid, part);
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
    if (score) facts.push(el("div", {}, el("dt", {}, score.metric), el("dd", {}, formatNumber(score.value)), el("dd", {}, `at ${images(score.images_seen)} images${score.floor === null ? "" : `; real images ${formatNumber(score.floor)}`}`)));
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
