/* The page: controls, and pictures on a canvas. What makes the pictures is a back end, `makeBackEnd`
   of torch_server.js (asks `ganvas demo`) or of browser.js (runs the generator here). It has
     open(run, onStage)                     loads run number `run`; onStage(words, done in [0, 1])
     generate(request, onBatch, isStale)    calls onBatch(index, pixels) with uint8 (B, H, W, C)
   and a request is {run, seed, other, mix, truncation, label, n}:
     other, mix   the other seed, and how far towards it, in [0, 1]
     label        null draws labels as the data has them; a number; or "each": n of each, label by label
   Failures are a `Sentence` for the user. The state is in the address (#seed=3&n=16), to be kept. */

class Sentence extends Error {}

const LARGEST_SEED = 2 ** 32 - 1;
const COUNTS = [1, 2, 4, 6, 8, 10, 12, 16, 25, 36, 49, 64, 100, 144, 196, 256];
const USUAL_COUNT = 64;
const USUAL_OF_EACH = 8;
const MOST_PICTURES = 1024;
const GAP = 2; // pixels of the pictures, as in the grids of `ganvas sample`
const SMALLEST_ROW = 68; // of the page, where rows of labels do not fit into the window
const SMALLEST_SAVED = 64; // smaller pictures are saved enlarged, as by `ganvas sample`

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("config").textContent);
const canvas = byId("canvas");
const context = canvas.getContext("2d");
const state = { run: 0, seed: 0, other: 1, mix: 0, truncation: 1, label: null, n: USUAL_COUNT };
const view = { run: 0, columns: 0, total: 0, of: null }; // what the canvas holds
const backEnd = makeBackEnd(config);
let ready = false;

const about = () => config.runs[state.run];
const labels = () => about().labels ?? [];
const numPictures = (request) => request.n * (request.label === "each" ? labels().length : 1);

/* ---- The state, in the address and in the controls ---- */

function wholeNumber(text, largest, otherwise) {
  const number = Number(text);
  return /^\d+$/.test(text ?? "") && number <= largest ? number : otherwise;
}

function fraction(text, otherwise) {
  const number = Number(text);
  return text && number >= 0 && number <= 1 ? number : otherwise;
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state.run = wholeNumber(given.get("run"), config.runs.length - 1, state.run);
  state.seed = wholeNumber(given.get("seed"), LARGEST_SEED, state.seed);
  state.other = wholeNumber(given.get("other"), LARGEST_SEED, after(state.seed));
  state.mix = fraction(given.get("mix"), 0);
  state.truncation = about().truncates ? fraction(given.get("truncation"), 1) : 1;
  const label = given.get("label");
  const each = label === "each" && labels().length > 0;
  state.label = each ? "each" : wholeNumber(label, labels().length - 1, null);
  const n = wholeNumber(given.get("n"), COUNTS.at(-1), usualCount());
  state.n = counts().includes(n) ? n : usualCount();
}

function writeAddress() {
  const words = { seed: state.seed };
  if (config.runs.length > 1) words.run = state.run;
  if (state.n !== usualCount()) words.n = state.n;
  if (state.label !== null) words.label = state.label;
  if (state.truncation !== 1) words.truncation = state.truncation;
  if (state.mix !== 0) Object.assign(words, { other: state.other, mix: state.mix });
  history.replaceState(null, "", `#${new URLSearchParams(words)}`);
}

const after = (seed) => (seed < LARGEST_SEED ? seed + 1 : 0);
const before = (seed) => (seed > 0 ? seed - 1 : LARGEST_SEED);
const usualCount = () => (state.label === "each" ? Math.max(...fewEnough(USUAL_OF_EACH)) : USUAL_COUNT);
const counts = () => fewEnough(COUNTS.at(-1));

function fewEnough(most) {
  const rows = state.label === "each" ? labels().length : 1;
  return COUNTS.filter((count) => count === 1 || (count <= most && count * rows <= MOST_PICTURES));
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  select.value = String(chosen);
}

function showState() {
  const names = labels();
  byId("title").textContent = document.title = about().name;
  byId("kicker").textContent = about().kicker;
  fill(byId("run"), config.runs.map((run, index) => [index, run.name]), state.run);
  byId("run-control").hidden = config.runs.length < 2;
  const shares = [["", "as often as in the data"], ["each", "each: a row a label"]];
  fill(byId("label"), [...shares, ...names.map((name, index) => [index, name])], state.label ?? "");
  byId("truncation-control").hidden = !about().truncates;
  byId("label-control").hidden = byId("labels-stay").hidden = names.length === 0;
  byId("count-name").textContent = state.label === "each" ? "Pictures a label" : "Pictures";
  fill(byId("count"), counts().map((count) => [count, count]), state.n);
  for (const name of ["seed", "other", "mix", "truncation"]) {
    if (byId(name).value !== String(state[name])) byId(name).value = state[name];
  }
  byId("truncation-value").value = state.truncation.toFixed(2);
  byId("mix-value").value = `${Math.round(state.mix * 100)} %`;
}

function change(changes) {
  if (!ready) return;
  Object.assign(state, changes);
  showState();
  writeAddress();
  draw();
}

const goTo = (seed) => change({ seed, other: after(seed), mix: 0 });

/* ---- Drawing: one request at a time, the newest next ---- */

let wanted = null;
let drawing = false;

async function draw() {
  wanted = { ...state };
  if (drawing) return;
  drawing = true;
  try {
    while (wanted) {
      const request = wanted;
      wanted = null;
      const begun = performance.now();
      prepareCanvas(request);
      await backEnd.generate(request, drawBatch, () => wanted !== null);
      if (!wanted) describe(request, performance.now() - begun);
    }
    showProblem("");
  } catch (error) {
    showProblem(sentenceOf(error));
  } finally {
    drawing = false;
  }
  if (wanted) draw(); // it came while the problem was shown
}

function prepareCanvas(request) {
  const { height, width } = about().image;
  const total = numPictures(request);
  fillRows(request); // they take room
  const columns = request.label === "each" ? request.n : bestColumns(total);
  if (view.run !== request.run || view.columns !== columns || view.total !== total) {
    Object.assign(view, { run: request.run, columns, total });
    canvas.width = columns * (width + GAP) + GAP; // this clears it; else pictures stay until others come
    canvas.height = Math.ceil(total / columns) * (height + GAP) + GAP;
  }
  canvas.hidden = false;
  fitCanvas();
}

function fillRows(request) {
  const list = byId("rows");
  list.hidden = request.label !== "each";
  const names = request.label === "each" ? labels() : [];
  list.replaceChildren(
    ...names.map((name) => {
      const item = document.createElement("li");
      const text = document.createElement("span");
      text.textContent = item.title = name;
      item.append(text);
      return item;
    }),
  );
}

function drawBatch(first, pixels) {
  const { channels, height, width } = about().image;
  const size = height * width * channels;
  for (let index = 0; index * size < pixels.length; index++) {
    const image = toImageData(pixels.subarray(index * size, (index + 1) * size), channels, width, height);
    const column = (first + index) % view.columns;
    const row = Math.floor((first + index) / view.columns);
    context.putImageData(image, GAP + column * (width + GAP), GAP + row * (height + GAP));
  }
}

/** uint8 (H, W, C) as pixels of a canvas; C is 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha. */
function toImageData(pixels, channels, width, height) {
  const image = new ImageData(width, height);
  const colours = channels >= 3 ? 3 : 1;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    for (let colour = 0; colour < 3; colour++) {
      image.data[pixel * 4 + colour] = pixels[from + (colours === 3 ? colour : 0)];
    }
    image.data[pixel * 4 + 3] = channels > colours ? pixels[from + colours] : 255;
  }
  return image;
}

function describe(request, milliseconds) {
  const total = numPictures(request);
  const name = request.label === null || request.label === "each" ? "" : ` of ${labels()[request.label]}`;
  const pictures = `${total} ${total === 1 ? "picture" : "pictures"}${name}`;
  const towards = request.mix ? `, ${Math.round(request.mix * 100)} % towards seed ${request.other}` : "";
  canvas.setAttribute("aria-label", `${pictures}, seed ${request.seed}${towards}`);
  byId("status").textContent = `${pictures} in ${(milliseconds / 1000).toFixed(2)} s`;
  view.of = request;
  performance.mark("pictures");
}

/* ---- The size on the screen ---- */

function room() {
  const stage = canvas.closest(".stage").getBoundingClientRect();
  const isNarrow = matchMedia("(max-width: 52rem)").matches;
  const top = stage.top + window.scrollY;
  const high = document.documentElement.clientHeight; // innerHeight changes when a phone zooms
  const height = isNarrow ? high * 0.62 : high - top - 48;
  const names = byId("rows").hidden ? 0 : byId("rows").offsetWidth;
  return { width: stage.width - names, height: Math.max(height, 160) };
}

/** Columns of the grid whose pictures are largest in the window; of equal ones, a full last row. */
function bestColumns(total) {
  const { height, width } = about().image;
  const { width: wide, height: high } = room();
  let best = { columns: 1, drawn: 0, isFull: true, scale: 0 };
  for (let columns = 1; columns <= total; columns++) {
    const rows = Math.ceil(total / columns);
    const scale = Math.min(wide / (columns * (width + GAP) + GAP), high / (rows * (height + GAP) + GAP));
    const next = { columns, drawn: wholeScale(scale), isFull: total % columns === 0, scale };
    const order = next.drawn - best.drawn || next.isFull - best.isFull || next.scale - best.scale;
    if (order > 0) best = next;
  }
  return best.columns;
}

/** Enlarge by a whole number of the screen's pixels, so that all pixels are of one size. */
function wholeScale(scale) {
  const screen = window.devicePixelRatio || 1;
  return scale * screen >= 1 ? Math.floor(scale * screen) / screen : scale;
}

function fitCanvas() {
  const { width, height } = room();
  const isEach = !byId("rows").hidden;
  const [wide, high] = [width / canvas.width, height / canvas.height];
  // Rows of many labels go on below the window before they become too small to see.
  const readable = SMALLEST_ROW / (about().image.height + GAP);
  const scale = wholeScale(Math.min(wide, isEach ? Math.max(high, readable) : high));
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  for (const item of byId("rows").children) item.style.height = `${(about().image.height + GAP) * scale}px`;
  byId("rows").style.paddingTop = `${(GAP / 2) * scale}px`;
}

/* ---- Saving ---- */

/** The grid on white, small pictures enlarged: what `ganvas sample` writes. */
function save() {
  if (!view.of) return;
  const { height, width } = about().image;
  const factor = Math.max(1, Math.floor(SMALLEST_SAVED / Math.max(height, width)));
  const saved = document.createElement("canvas");
  saved.width = canvas.width * factor;
  saved.height = canvas.height * factor;
  const target = saved.getContext("2d");
  target.fillStyle = "#fff";
  target.fillRect(0, 0, saved.width, saved.height);
  target.imageSmoothingEnabled = false;
  target.drawImage(canvas, 0, 0, saved.width, saved.height);
  saved.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${about().name}-seed-${view.of.seed}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}

/* ---- Loading and problems ---- */

function showStage(words, done) {
  byId("stage").textContent = words;
  byId("progress").value = done;
}

const sentenceOf = (error) =>
  error instanceof Sentence ? error.message : `This page has an error of its own: ${error?.message ?? error}.`;

function showProblem(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
  if (sentence) byId("status").textContent = "";
}

async function open() {
  ready = false;
  byId("fields").disabled = true;
  byId("loading").hidden = false;
  showState();
  try {
    await backEnd.open(state.run, showStage);
  } catch (error) {
    showProblem(sentenceOf(error));
    return;
  } finally {
    byId("loading").hidden = true;
  }
  showProblem("");
  ready = true;
  byId("fields").disabled = false;
  writeAddress();
  await draw();
}

async function chooseRun(run) {
  Object.assign(state, { run, label: null, n: USUAL_COUNT });
  if (!about().truncates) state.truncation = 1;
  view.of = null;
  await open();
}

/* ---- Controls and keys ---- */

const valid = (id, use) => () => {
  const field = byId(id);
  if (field.value !== "" && field.checkValidity()) use(Number(field.value));
};

function chooseLabel(value) {
  const label = value === "" || value === "each" ? value || null : Number(value);
  const wasEach = state.label === "each";
  state.label = label;
  const n = wasEach !== (label === "each") || !counts().includes(state.n) ? usualCount() : state.n;
  change({ label, n });
}

const again = () => goTo(Math.floor(Math.random() * 1_000_000));

byId("seed").addEventListener("input", valid("seed", goTo));
byId("other").addEventListener("input", valid("other", (other) => change({ other })));
byId("mix").addEventListener("input", () => change({ mix: Number(byId("mix").value) }));
byId("truncation").addEventListener("input", () => change({ truncation: Number(byId("truncation").value) }));
byId("count").addEventListener("change", () => change({ n: Number(byId("count").value) }));
byId("label").addEventListener("change", () => chooseLabel(byId("label").value));
byId("run").addEventListener("change", () => chooseRun(Number(byId("run").value)));
byId("previous").addEventListener("click", () => goTo(before(state.seed)));
byId("next").addEventListener("click", () => goTo(after(state.seed)));
byId("again").addEventListener("click", again);
byId("save").addEventListener("click", save);
byId("controls").addEventListener("submit", (event) => event.preventDefault());

const KEYS = {
  ArrowLeft: () => goTo(before(state.seed)),
  ArrowRight: () => goTo(after(state.seed)),
  a: again,
  s: save,
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || !ready) return;
  event.preventDefault();
  act();
});

let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    if (!view.of) return;
    const columns = view.of.label === "each" ? view.of.n : bestColumns(numPictures(view.of));
    if (columns === view.columns) fitCanvas();
    else draw();
  });
});

window.addEventListener("hashchange", () => {
  if (!ready) return;
  const { run } = state;
  readAddress();
  if (state.run !== run) open();
  else change({});
});

readAddress();
open();
