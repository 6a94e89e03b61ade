/* The back end of `ganvas export --to web`: the generator runs in this page, by onnxruntime-web.

   `ganvas.show(latents, labels)` in the browser's console shows the pictures of given latents, such
   as those that `ganvas sample --out FILE.npz` writes: arrays of N rows, and of N numbers of labels. */

const NO_WEBASSEMBLY =
  "This browser cannot run WebAssembly, which the generator needs. Open this page in a current Chrome, Edge, Firefox or Safari.";
const FIRST_BATCH = 4;
const BATCH_MILLISECONDS = 60; // between two batches the page draws, and hears its user

function makeBackEnd(config) {
  const { image, latent_dim: latentDim, label_counts: labelCounts } = config.runs[0];
  let ort, session;
  let batchSize = FIRST_BATCH;

  async function open(run, onStage) {
    if (typeof WebAssembly !== "object") throw new Sentence(NO_WEBASSEMBLY);
    if (typeof DecompressionStream === "undefined") {
      throw new Sentence("This browser is too old to unpack the generator. Open this page in a current Chrome, Edge, Firefox or Safari.");
    }
    const parts = {};
    let done = 0;
    for (const [name, words] of Object.entries(PARTS)) {
      await showFirst(() => onStage(words, done));
      parts[name] = await readAsset(name, (part) => onStage(words, done + part * 0.25));
      done += 0.25;
    }
    await showFirst(() => onStage("Starting the generator", done));
    try {
      const module = URL.createObjectURL(new Blob([parts.runtime], { type: "text/javascript" }));
      ort = await import(module);
      ort.env.logLevel = "error";
      ort.env.wasm.numThreads = 1;
      ort.env.wasm.wasmBinary = parts.machine.buffer;
      session = await ort.InferenceSession.create(parts.generator, { executionProviders: ["wasm"] });
    } catch (error) {
      throw new Sentence(`This browser cannot start the generator: ${error?.message ?? error}.`);
    }
    onStage("Drawing", 1);
  }

  async function generate(request, onBatch, isStale) {
    const latents = latentsOf(request);
    await generateFrom(latents, labelsOf(request), onBatch, isStale);
  }

  /** Latents (N, Z) as float32; with a label each, all labels share those of n pictures. */
  function latentsOf({ seed, other, mix, truncation, label, n }) {
    let latents = drawNormal(n * latentDim, seed);
    if (mix > 0) latents = interpolate(latents, drawNormal(n * latentDim, other), latentDim, mix);
    const repeats = label === "each" ? labelCounts.length : 1;
    const all = new Float32Array(repeats * latents.length);
    for (let index = 0; index < all.length; index++) all[index] = truncation * latents[index % latents.length];
    return all;
  }

  function labelsOf({ seed, label, n }) {
    if (!labelCounts) return null;
    if (label === "each") return labelCounts.flatMap((_, index) => Array(n).fill(index));
    return label === null ? drawLabels(n, seed, labelCounts) : Array(n).fill(label);
  }

  async function generateFrom(latents, labels, onBatch, isStale) {
    const total = latents.length / latentDim;
    for (let start = 0; start < total && !isStale(); ) {
      const end = Math.min(total, start + batchSize);
      const inputs = {
        latents: new ort.Tensor("float32", latents.slice(start * latentDim, end * latentDim), [end - start, latentDim]),
      };
      if (labels) {
        const numbers = BigInt64Array.from(labels.slice(start, end), BigInt);
        inputs.labels = new ort.Tensor("int64", numbers, [end - start]);
      }
      const begun = performance.now();
      const { images } = await session.run(inputs);
      onBatch(start, images.data);
      const each = (performance.now() - begun) / (end - start);
      batchSize = Math.min(64, Math.max(1, Math.round(BATCH_MILLISECONDS / each)));
      start = end;
      if (start < total) await nextTask();
    }
  }

  /** Show pictures of given latents (N, Z) and, of a conditional generator, numbers of labels (N,). */
  async function show(latents, labels = null) {
    const rows = latents.map((row) => Array.from(row));
    if (!rows.length || rows.some((row) => row.length !== latentDim)) {
      throw new Sentence(`Expected latents as rows of ${latentDim} numbers.`);
    }
    if (Boolean(labels) !== Boolean(labelCounts) || (labels && labels.length !== rows.length)) {
      throw new Sentence(labelCounts ? "Expected a label for each row of latents." : "This generator takes no labels.");
    }
    prepareCanvas({ ...state, label: null, n: rows.length });
    await generateFrom(Float32Array.from(rows.flat()), labels, drawBatch, () => false);
    return { columns: view.columns, gap: GAP, ...image };
  }

  window.ganvas = { show };
  return { open, generate };
}

const PARTS = { runtime: "Loading onnxruntime", machine: "Loading onnxruntime", generator: "Loading the generator" };

/** Let the page draw what was changed before long work begins. */
async function showFirst(change) {
  change();
  await nextTask();
}

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

/** The bytes of a part: inside this page, or a file beside it. They are packed by gzip. */
async function readAsset(name, onPart) {
  const inside = document.getElementById(name);
  const packed = inside ? fromBase64(inside.textContent) : await download(config.files[name], onPart);
  inside?.remove();
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed; // a server has unpacked it on the way
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
  return bytes;
}

async function download(address, onPart) {
  if (location.protocol === "file:") {
    throw new Sentence(
      "A browser loads no files beside a page that is opened from a disk. Put this folder on a web server (python -m http.server), or export the page as one file, without --folder.",
    );
  }
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Sentence(`The server does not answer, so ${address} could not be loaded. Reload this page to try again.`);
  }
  if (!response.ok) throw new Sentence(`${address} is missing on the server (${response.status}): put it beside this page.`);
  const size = Number(response.headers.get("content-length"));
  const chunks = [];
  let received = 0;
  for await (const chunk of pieces(response.body)) {
    chunks.push(chunk);
    received += chunk.length;
    if (size) onPart(Math.min(1, received / size));
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function* pieces(body) {
  const reader = body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
}
