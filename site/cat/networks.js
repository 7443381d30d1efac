// The generators, run by ONNX Runtime Web. All that is fetched comes from the page's own folder.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

ort.env.wasm.numThreads = 1; // more would need a host that isolates the page
ort.env.logLevel = "error";

const loaded = new Map(); // file → promise of its session
let started; // promise of the runtime

// Said in words to the reader.
export class Failure extends Error {}

async function fetched(file, size, progress) {
  const again = "Reload the page to try again.";
  let response;
  try {
    response = await fetch(file);
  } catch {
    throw new Failure(`${file} could not be loaded: the host does not answer. ${again}`);
  }
  if (!response.ok) throw new Failure(`${file} could not be loaded (${response.status}). ${again}`);
  const parts = [];
  let got = 0;
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      progress((got += value.length), size);
    }
  } catch {
    throw new Failure(`${file} broke off after ${got} bytes. ${again}`);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes; // some hosts unpack it on the way
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start(runtime, progress) {
  if (typeof WebAssembly === "undefined" || typeof DecompressionStream === "undefined") {
    throw new Failure(
      "This browser has no WebAssembly, or it is switched off: the networks cannot run here. " +
        "A newer Chrome, Edge, Firefox or Safari has it.",
    );
  }
  const bytes = await fetched(runtime.wasm.file, runtime.wasm.bytes, progress);
  try {
    ort.env.wasm.wasmBinary = (await unpacked(bytes)).buffer;
  } catch {
    throw new Failure(`${runtime.wasm.file} is damaged. Reload the page to try again.`);
  }
}

async function open(model, runtime, progress) {
  await (started ??= start(runtime, progress("the runtime")));
  const bytes = await fetched(model.file, model.bytes, progress(`${model.from} → ${model.to}`));
  try {
    return await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  } catch (error) {
    throw new Failure(`${model.file} cannot be opened here: ${error.message ?? error}`);
  }
}

// The session of a `model` of models.json. `progress(what)` is a function of (bytes so far, of all).
export function session(model, runtime, progress) {
  if (!loaded.has(model.file)) {
    const promise = open(model, runtime, progress);
    promise.catch(() => {
      loaded.delete(model.file); // the next choice tries again
      started = ort.env.wasm.wasmBinary ? started : undefined;
    });
    loaded.set(model.file, promise);
  }
  return loaded.get(model.file);
}

// RGB pixels of a square of `size` through a generator, rounded as the package rounds them.
export async function translate(network, pixels, size) {
  const plane = size * size;
  const image = new Float32Array(3 * plane);
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) {
      image[channel * plane + at] = pixels[at * 3 + channel] / 127.5 - 1;
    }
  }
  const tensor = new ort.Tensor("float32", image, [1, 3, size, size]);
  const { picture } = await network.run({ image: tensor });
  const made = new Uint8ClampedArray(3 * plane);
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) {
      made[at * 3 + channel] = Math.round((picture.data[channel * plane + at] + 1) * 127.5);
    }
  }
  return made;
}
