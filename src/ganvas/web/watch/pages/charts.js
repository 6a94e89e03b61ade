// A line chart over images seen, drawn as SVG: values under the pointer or the arrow keys.

const NS = "http://www.w3.org/2000/svg";
const COLOURS = ["--first", "--second", "--third", "--fourth"];
const DASHES = ["", "7 3", "2 3", "8 3 2 3"];
const MARGIN = { left: 46, right: 10, top: 8, bottom: 22 };
const DOT = 2.5; // pixels: the radius of a line that has one point yet
const LOG_FROM = 30; // as in reports: an axis whose values span more is logarithmic

export function formatNumber(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(Math.max(0, digits - 2));
  if (size >= 999.5) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(digits)));
}

export function formatShort(value) {
  for (const [factor, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor) return `${Number((value / factor).toPrecision(3))}${unit}`;
  }
  const size = Math.abs(value);
  return size > 0 && size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(3)));
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function swatch(look) {
  const picture = svg("svg", { viewBox: "0 0 26 10", class: "swatch", "aria-hidden": "true" });
  picture.append(svg("line", { x1: 0, x2: 26, y1: 5, y2: 5, ...look }));
  return picture;
}

function legendItem(look, label, text) {
  const item = document.createElement("li");
  const value = document.createElement("b");
  value.textContent = text;
  item.append(swatch(look), `${label} `, value);
  return item;
}

function stroke(index) {
  const i = index % COLOURS.length;
  return { stroke: `var(${COLOURS[i]})`, "stroke-width": 1.6, "stroke-dasharray": DASHES[i] };
}

// Smallest and largest of all finite values of several lines; null if there are none.
export function extent(lists, positive = false) {
  let low = Infinity, high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value === null || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

export function wantsLog(range) {
  return range !== null && range[0] > 0 && range[1] / range[0] > LOG_FROM;
}

function linearTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

function logTicks(low, high) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / 5));
  const factors = last - first <= 1 ? [1, 2, 5] : last - first <= 2 ? [1, 3] : [1];
  const ticks = [];
  for (let e = first; e <= last; e += every) {
    for (const factor of factors) {
      const tick = factor * 10 ** e;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

export class Chart {
  // plot: {title, lines: [[column, label]], mark: [value, label] or null, limits: [low, high]}
  constructor(plot, level = "h3") {
    this.plot = plot;
    this.figure = document.createElement("figure");
    this.figure.className = "chart";
    const title = document.createElement(level);
    title.textContent = plot.title;
    this.legend = document.createElement("ul");
    this.legend.className = "legend";
    this.picture = svg("svg", { role: "img", tabindex: "0" });
    this.figure.append(title, this.legend, this.picture);
    if (plot.caption) {
      const caption = document.createElement("figcaption");
      caption.textContent = plot.caption;
      this.figure.append(caption);
    }
    this.cursor = null; // index of the bucket whose values are shown
    this.series = { x: [], columns: {} };
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => this.moveTo(null));
    this.picture.addEventListener("blur", () => this.moveTo(null));
    this.picture.addEventListener("keydown", (event) => this.key(event));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.picture);
  }

  // The values of every line: [label, smallest, largest].
  lines(series = this.series) {
    return this.plot.lines.map(([column, label]) => {
      const [low = [], high = low] = series.columns[column] ?? [];
      return [label, low, high];
    });
  }

  // What the chart's own values span: {x, y, log}; several charts can be drawn over one range.
  static range(charts, axis) {
    const lists = charts.flatMap((chart) => chart.lines().flatMap(([, low, high]) => [low, high]));
    const x = extent(charts.map((chart) => chart.series.x));
    const all = extent(lists);
    if (x === null || all === null) return null;
    const { limits, mark } = charts[0].plot;
    const log = axis === "log" || (axis === "auto" && limits[0] === null && wantsLog(all));
    let [low, high] = (log ? extent(lists, true) : all) ?? [1, 10];
    if (mark && (!log || mark[0] > 0)) [low, high] = [Math.min(low, mark[0]), Math.max(high, mark[0])];
    if (!log && limits[0] !== null) low = Math.min(low, limits[0]);
    if (!log && limits[1] !== null) high = Math.max(high, limits[1]);
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    else if (!log) {
      const room = (high - low) * 0.04;
      if (limits[0] === null) low -= room;
      if (limits[1] === null) high += room;
    }
    return { x: [Math.min(0, x[0]), Math.max(x[1], 1)], y: [low, high], log };
  }

  update(series, range) {
    this.series = series;
    this.range = range;
    this.draw();
  }

  place(x, y) {
    const [left, right] = [MARGIN.left, this.width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, this.height - MARGIN.bottom];
    const scale = this.range.log ? Math.log10 : (value) => value;
    const [low, high] = this.range.y.map(scale);
    return [
      left + ((x - this.range.x[0]) / (this.range.x[1] - this.range.x[0])) * (right - left),
      bottom - ((scale(y) - low) / (high - low)) * (bottom - top),
    ];
  }

  draw() {
    const box = this.picture.getBoundingClientRect();
    if (box.width === 0) return; // in a closed part of the page
    [this.width, this.height] = [box.width, box.height];
    this.picture.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const parts = [];
    if (this.range) {
      parts.push(...this.axes());
      this.lines().forEach((line, index) => parts.push(...this.line(line, index)));
      if (this.plot.mark) parts.push(...this.mark(this.plot.mark));
    }
    this.cursorGroup = svg("g", { "pointer-events": "none" });
    this.picture.replaceChildren(...parts, this.cursorGroup);
    this.picture.setAttribute("aria-label", this.describe());
    this.drawCursor();
  }

  axes() {
    const parts = [];
    const [low, high] = this.range.y;
    const ticks = this.range.log ? logTicks(low, high) : linearTicks(low, high, 4);
    for (const tick of ticks) {
      const [, y] = this.place(this.range.x[0], tick);
      const right = this.width - MARGIN.right;
      parts.push(svg("line", { class: "gridline", x1: MARGIN.left, x2: right, y1: y, y2: y }));
      parts.push(this.text(MARGIN.left - 6, y + 4, formatShort(tick), "end"));
    }
    for (const tick of linearTicks(...this.range.x, Math.max(2, Math.floor(this.width / 110)))) {
      const [x] = this.place(tick, this.range.y[0]);
      parts.push(this.text(x, this.height - 4, formatShort(tick), "middle"));
    }
    return parts;
  }

  text(x, y, content, anchor) {
    const text = svg("text", { x, y, "text-anchor": anchor });
    text.textContent = content;
    return text;
  }

  // A level to compare with. The legend names it, where no line runs through its name.
  mark([value]) {
    const [low, high] = this.range.y;
    if (value < low || value > high) return [];
    const [, y] = this.place(this.range.x[0], value);
    const right = this.width - MARGIN.right;
    return [svg("line", { class: "mark", x1: MARGIN.left, x2: right, y1: y, y2: y })];
  }

  // The outline of what lies between smallest and largest, so that no spike is lost.
  line([, low, high], index) {
    const paint = { ...stroke(index), fill: "none", "stroke-linejoin": "round" };
    const parts = [];
    if (this.points(high).length === 1) return [...new Set([low, high])].flatMap((list) => this.dots(list, paint.stroke));
    if (low !== high) {
      parts.push(svg("path", { d: this.area(low, high), fill: paint.stroke, "fill-opacity": 0.25 }));
      parts.push(svg("path", { d: this.path(low), ...paint, "stroke-width": 0.8 }));
      paint["stroke-width"] = 0.8;
    }
    return [...parts, svg("path", { d: this.path(high), ...paint })];
  }

  // Pieces of a list without gaps, as points on the screen. A number missing here and there is
  // skipped: probes are taken at some records only.
  points(list) {
    const points = [];
    this.series.x.forEach((x, i) => {
      const value = list[i];
      if (value === null || value === undefined || (this.range.log && value <= 0)) return;
      points.push(this.place(x, value));
    });
    return points;
  }

  path(list) {
    return this.points(list).map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  }

  dots(list, fill) {
    return this.points(list).map(([cx, cy]) => svg("circle", { cx, cy, r: DOT, fill }));
  }

  area(low, high) {
    const [under, over] = [this.points(low), this.points(high)];
    if (under.length === 0) return "";
    return `M${[...over, ...under.reverse()].map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L")}Z`;
  }

  describe() {
    const lines = this.lines().map(([label, low, high]) => {
      const range = extent([low, high]);
      if (range === null) return `${label}: no values`;
      const last = low.findLast((value) => value !== null);
      return `${label}: now ${formatNumber(last)}, from ${formatNumber(range[0])} to ${formatNumber(range[1])}`;
    });
    return `${this.plot.title}, over images seen. ${lines.join("; ")}. Arrow keys show values.`;
  }

  point(event) {
    if (!this.range || this.series.x.length === 0) return;
    const box = this.picture.getBoundingClientRect();
    const part = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    const x = this.range.x[0] + part * (this.range.x[1] - this.range.x[0]);
    let best = 0;
    this.series.x.forEach((value, i) => {
      if (Math.abs(value - x) < Math.abs(this.series.x[best] - x)) best = i;
    });
    this.moveTo(best);
  }

  key(event) {
    const last = this.series.x.length - 1;
    const at = this.cursor ?? last + (event.key === "ArrowLeft" ? 1 : 0);
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, Escape: null };
    if (!(event.key in steps) || last < 0) return;
    event.preventDefault();
    const to = steps[event.key];
    this.moveTo(to === null ? null : Math.max(0, Math.min(last, to)));
  }

  moveTo(index) {
    this.cursor = index;
    this.drawCursor();
  }

  drawCursor() {
    const index = this.cursor !== null && this.cursor < this.series.x.length ? this.cursor : null;
    const items = this.lines().map(([label, low, high], i) => legendItem(stroke(i), label, valueText(low, high, index)));
    if (this.plot.mark) items.push(legendItem({ class: "mark" }, this.plot.mark[1], formatNumber(this.plot.mark[0])));
    if (index !== null) {
      const item = document.createElement("li");
      item.textContent = `at ${Math.round(this.series.x[index]).toLocaleString("en")} images`;
      items.push(item);
    }
    this.legend.replaceChildren(...items);
    this.cursorGroup?.replaceChildren();
    if (index === null || !this.range || !this.cursorGroup) return;
    const [x] = this.place(this.series.x[index], this.range.y[0]);
    const attributes = { x1: x, x2: x, y1: MARGIN.top, y2: this.height - MARGIN.bottom };
    this.cursorGroup.append(svg("line", { class: "cursor", ...attributes }));
    this.lines().forEach(([, low, high], i) => {
      for (const value of new Set([low[index], high[index]])) {
        if (value === null || value === undefined || (this.range.log && value <= 0)) continue;
        const [cx, cy] = this.place(this.series.x[index], value);
        this.cursorGroup.append(svg("circle", { cx, cy, r: 3.5, fill: stroke(i).stroke }));
      }
    });
  }
}

// The value of a bucket, or its smallest and largest; without an index the newest.
function valueText(low, high, index) {
  const at = index ?? low.findLastIndex((value) => value !== null);
  if (at < 0 || low[at] === null || low[at] === undefined) return "";
  const [least, most] = [formatNumber(low[at]), formatNumber(high[at])];
  return least === most ? least : `${least} to ${most}`;
}
