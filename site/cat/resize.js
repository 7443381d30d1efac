// A square of a picture at another size, to the grey level as the package's `images.decode` gives it:
// Pillow's bicubic with antialiasing, 8 bits between its two passes, transparency over white.

const BITS = 22; // of a weight behind the point, as in Pillow's Resample.c
const BAND = 512; // rows that are read at once: a photo of 50 million pixels needs no second copy

function bicubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// What each of `size` output pixels takes from the input's pixels between `from` and `to`:
// {first, weights}, weights as integers.
function taps(length, from, to, size) {
  const scale = (to - from) / size;
  const wide = Math.max(scale, 1); // a smaller picture averages, a larger one interpolates
  const support = 2 * wide;
  const found = [];
  for (let i = 0; i < size; i++) {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(length, Math.trunc(centre + support + 0.5));
    const values = [];
    for (let x = first; x < last; x++) values.push(bicubic((x - centre + 0.5) / wide));
    const sum = values.reduce((a, b) => a + b, 0);
    const weights = values.map((v) => {
      const scaled = (v / sum) * 2 ** BITS;
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
    found.push({ first, weights });
  }
  return found;
}

function rounded(sum) {
  return Math.min(255, Math.max(0, (sum + 2 ** (BITS - 1)) >> BITS));
}

// `source`: an ImageBitmap or a video, `width` × `height`; `box`: {left, top, side}, in its pixels.
// Returns `size` × `size` pixels, RGB.
export function square(source, width, height, box, size) {
  const across = taps(width, box.left, box.left + box.side, size);
  const down = taps(height, box.top, box.top + box.side, size);
  const [left, right] = reach(across);
  const [top, bottom] = reach(down);
  const narrow = new Uint8ClampedArray((bottom - top) * size * 3); // after the first pass
  const canvas = document.createElement("canvas");
  canvas.width = right - left;
  canvas.height = Math.min(BAND, bottom - top);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.imageSmoothingEnabled = false;
  for (let y = top; y < bottom; y += BAND) {
    const rows = Math.min(BAND, bottom - y);
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, rows);
    context.drawImage(source, left, y, canvas.width, rows, 0, 0, canvas.width, rows);
    const pixels = context.getImageData(0, 0, canvas.width, rows).data;
    for (let row = 0; row < rows; row++) {
      const start = row * canvas.width - left;
      const out = (y - top + row) * size;
      across.forEach(({ first, weights }, x) => {
        for (let channel = 0; channel < 3; channel++) {
          let sum = 0;
          for (let i = 0; i < weights.length; i++) {
            sum += weights[i] * pixels[(start + first + i) * 4 + channel];
          }
          narrow[(out + x) * 3 + channel] = rounded(sum);
        }
      });
    }
  }
  const made = new Uint8ClampedArray(size * size * 3);
  down.forEach(({ first, weights }, y) => {
    for (let at = 0; at < size * 3; at++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) {
        sum += weights[i] * narrow[(first - top + i) * size * 3 + at];
      }
      made[y * size * 3 + at] = rounded(sum);
    }
  });
  return made;
}

function reach(taps) {
  const ends = taps.map(({ first, weights }) => first + weights.length);
  return [Math.min(...taps.map(({ first }) => first)), Math.max(...ends)];
}
