/* Random numbers from a seed. torch's own cannot be repeated here, so these differ from `--seed`.

   Words are drawn by sfc32 (Doty-Humphrey, PractRand 0.94): 32 bits each, from three words of state
   and a counter. The state starts as (stream, seed, 0) with counter 1, and 15 words are dropped, as
   in PractRand. Normal numbers are made of two words each pair (Box and Muller, 1958). */

const LATENTS = 0; // streams: as in ganvas, more of one thing never changes another
const LABELS = 1;

function makeWords(seed, stream) {
  let [a, b, c, counter] = [stream, seed, 0, 1];
  const next = () => {
    const word = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + word) >>> 0;
    return word;
  };
  for (let dropped = 0; dropped < 15; dropped++) next();
  return next;
}

/** `count` standard normal numbers; the first are the same for any count. */
function drawNormal(count, seed) {
  const next = makeWords(seed, LATENTS);
  const numbers = new Float64Array(count);
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
    const angle = 2 * Math.PI * (next() / 2 ** 32);
    numbers[index] = radius * Math.cos(angle);
    if (index + 1 < count) numbers[index + 1] = radius * Math.sin(angle);
  }
  return numbers;
}

/** The numbers of n labels, drawn as often as the training images have them. */
function drawLabels(n, seed, counts) {
  const next = makeWords(seed, LABELS);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Array.from({ length: n }, () => {
    let place = (next() / 2 ** 32) * total;
    return counts.findIndex((count) => (place -= count) < 0);
  });
}

/** Spherical interpolation (White, 2016) between rows of two arrays (N, Z), alpha in [0, 1]. */
function interpolate(starts, ends, size, alpha) {
  const mixed = new Float64Array(starts.length);
  for (let row = 0; row < starts.length; row += size) {
    let [dot, first, second] = [0, 0, 0];
    for (let index = row; index < row + size; index++) {
      dot += starts[index] * ends[index];
      first += starts[index] ** 2;
      second += ends[index] ** 2;
    }
    const cosine = dot / Math.sqrt(first * second);
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    const isArc = Math.sin(angle) >= 1e-4; // equal or opposite directions define none
    const from = isArc ? Math.sin((1 - alpha) * angle) / Math.sin(angle) : 1 - alpha;
    const to = isArc ? Math.sin(alpha * angle) / Math.sin(angle) : alpha;
    for (let index = row; index < row + size; index++) {
      mixed[index] = from * starts[index] + to * ends[index];
    }
  }
  return mixed;
}
