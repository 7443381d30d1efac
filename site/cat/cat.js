// The page: a photo comes in, three pictures go out. What it knows of the networks is in models.json.

import { Failure, session, translate } from "./networks.js";
import { square } from "./resize.js";

const MOST = 50e6; // pixels, as in the package
const LONGEST = 1000; // times the short side, as in the package
const HEAVIEST = 100e6; // bytes
const SHOWN = 560; // pixels of the preview's longer side
const SAVED = 512; // pixels of a saved picture's side

const $ = (id) => document.getElementById(id);
const state = {
  about: null, // models.json
  source: null, // {picture, width, height, name, example}
  camera: null, // {stream, video} while it runs
  made: null, // {photo, translated, back} of the pictures that are shown
  network: null, // the last one that made a picture
  opened: 0, // files so far: of two that are read at once, the later one is shown
};

// What is said

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", bad);
}

function sorry(error) {
  if (!(error instanceof Failure)) console.error(error);
  say(error instanceof Failure ? error.message : `Something broke: ${error.message ?? error}`, true);
}

const progress = (what) => (got, all) => {
  say(`Loading ${what}: ${(got / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`);
};

// The networks that are chosen

function chosen(group) {
  return document.querySelector(`input[name="${group}"]:checked`).value;
}

const directionOf = (model) => `${model.experiment} ${model.way}`;
const grey = (value) => value * 127.5; // of a difference on [-1, 1]

function alike(direction) {
  return state.about.models.filter((model) => directionOf(model) === direction);
}

function networks() {
  const there = alike(chosen("direction")).find((model) => String(model.lambda) === chosen("lambda"));
  const back = state.about.models.find((m) => m.record === there.record && m.way !== there.way);
  return { there, back };
}

function radios(place, group, options, change) {
  place.replaceChildren(
    ...options.map(([value, text], number) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: group, value, checked: number === 0 });
      input.addEventListener("change", change);
      const label = document.createElement("label");
      label.append(input, Object.assign(document.createElement("span"), { textContent: text }));
      return label;
    }),
  );
}

function offerDirections() {
  const seen = new Map(state.about.models.map((m) => [directionOf(m), `${m.from} → ${m.to}`]));
  radios($("directions"), "direction", [...seen], () => {
    offerLambdas();
    offerExamples();
    if (state.source?.example) openExample(inDomain()[0]);
    else redraw();
  });
}

function offerLambdas() {
  const models = alike(chosen("direction"));
  radios($("lambdas"), "lambda", models.map((m) => [m.lambda, `λ = ${m.lambda}`]), () => {
    aboutLambda();
    redraw();
  });
  aboutLambda();
}

function aboutLambda() {
  const { there } = networks();
  $("about-lambda").textContent = there.lambda
    ? "In training, what came back had to resemble the photo: the translation has to keep what is yours."
    : "In training, nobody asked for the photo back: what comes back is such an animal, but it need not be yours.";
  $("made").textContent = there.to;
}

// Photos in

async function open(blob, name, example = null) {
  const turn = ++state.opened;
  let picture;
  try {
    if (blob.size > HEAVIEST) throw new Failure(`${name} has over ${HEAVIEST / 1e6} MB. Take a smaller one.`);
    picture = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `${name} is no picture that this browser can read. JPEG, PNG, WebP, GIF and BMP are.`,
    );
  }
  const { width, height } = picture;
  let wrong = "";
  if (width * height > MOST) wrong = `more than ${MOST / 1e6} million pixels`;
  if (Math.max(width, height) > LONGEST * Math.min(width, height)) wrong = "far too long a strip";
  if (wrong) {
    picture.close();
    throw new Failure(`${name} is ${width} × ${height}: ${wrong}. Take a smaller one.`);
  }
  if (turn !== state.opened) {
    picture.close();
    return;
  }
  if (state.camera) stopCamera(false);
  show({ picture, width, height, name, example });
}

function show(source) {
  state.source?.picture.close?.();
  state.source = source;
  Object.assign($("side"), { value: 100 });
  Object.assign($("across"), { value: 50 });
  Object.assign($("down"), { value: 50 });
  for (const button of $("examples").children) {
    button.setAttribute("aria-pressed", String(button.dataset.file === source.example));
  }
  redraw();
}

async function take(files) {
  if (!files?.length) {
    say("That was no file. Save the picture on your machine first, then bring it here.", true);
    return;
  }
  await open(files[0], files[0].name || "The pasted picture").catch(sorry);
}

function inDomain() {
  const { there } = networks();
  return state.about.examples.filter((e) => e.experiment === there.experiment && e.shows === there.from);
}

function offerExamples() {
  const { there } = networks();
  const other = state.about.examples.find((e) => e.experiment !== there.experiment);
  $("examples").replaceChildren(
    ...[...inDomain(), other].map((example, number) => {
      const button = document.createElement("button");
      const image = document.createElement("img");
      button.type = "button";
      button.dataset.file = example.file;
      button.setAttribute("aria-pressed", String(state.source?.example === example.file));
      const stranger = example === other ? ": the network has never seen one" : ` ${number + 1}`;
      Object.assign(image, { src: example.file, alt: `${example.shows}${stranger}`, width: 64, height: 64 });
      button.title = image.alt;
      button.append(image);
      button.addEventListener("click", () => openExample(example));
      return button;
    }),
  );
}

async function openExample(example) {
  try {
    const response = await fetch(example.file);
    if (!response.ok) throw new Failure(`${example.file} could not be loaded (${response.status}).`);
    await open(await response.blob(), example.shows, example.file);
  } catch (error) {
    sorry(error instanceof TypeError ? new Failure(`${example.file} could not be loaded.`) : error);
  }
}

// The square

function box() {
  const { width, height } = state.source;
  const side = (Math.min(width, height) * $("side").value) / 100;
  return {
    left: ((width - side) * $("across").value) / 100,
    top: ((height - side) * $("down").value) / 100,
    side,
  };
}

function drawPreview() {
  const { picture, width, height } = state.source;
  const scale = SHOWN / Math.max(width, height);
  const canvas = $("preview");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const { left, top, side } = box();
  const style = getComputedStyle(document.documentElement);
  context.beginPath(); // all but the square
  context.rect(0, 0, canvas.width, canvas.height);
  context.rect(left * scale, top * scale, side * scale, side * scale);
  context.fillStyle = style.getPropertyValue("--veil");
  context.fill("evenodd");
  context.strokeStyle = style.getPropertyValue("--accent");
  context.lineWidth = 4;
  context.strokeRect(left * scale + 2, top * scale + 2, side * scale - 4, side * scale - 4);
}

let held = null; // where the photo was taken hold of

function takeHold(event) {
  event.target.setPointerCapture(event.pointerId);
  const [across, down] = [Number($("across").value), Number($("down").value)];
  held = { x: event.clientX, y: event.clientY, across, down };
}

function drag(event) {
  if (!held || !state.source) return;
  const { width, height } = state.source;
  const perPixel = width / $("preview").clientWidth;
  const { side } = box();
  if (width > side) $("across").value = held.across + (100 * perPixel * (event.clientX - held.x)) / (width - side);
  if (height > side) $("down").value = held.down + (100 * perPixel * (event.clientY - held.y)) / (height - side);
  redraw();
}

// Pictures out

let wanted = false;
let running = false;

// Shows the newest state; what is asked for while it computes is done after, once.
async function redraw() {
  wanted = true;
  if (running || !state.source) return;
  running = true;
  try {
    while (wanted) {
      wanted = false;
      await once();
      if (state.camera) {
        await new Promise(requestAnimationFrame);
        if (state.camera) wanted = true;
      }
    }
  } catch (error) {
    if (state.camera) stopCamera(false);
    sorry(error);
  } finally {
    running = false;
  }
}

async function once() {
  if (state.camera) { // a phone may have been turned
    const { videoWidth: width, videoHeight: height } = state.camera.video;
    Object.assign(state.source, { width, height });
  }
  drawPreview();
  const { there, back } = networks();
  const network = await session(there, state.about.runtime, progress);
  const inverse = await session(back, state.about.runtime, progress);
  const begun = performance.now();
  const { picture, width, height, name } = state.source;
  const photo = square(picture, width, height, box(), there.size);
  const translated = await translate(network, photo, there.size);
  const returned = await translate(inverse, translated, there.size);
  const took = performance.now() - begun;
  state.made = { photo, translated, back: returned };
  for (const [id, pixels] of Object.entries(state.made)) paint($(id), pixels, there.size);
  compare(photo, returned);
  $("save").disabled = false;
  const warm = state.network === network; // its first picture takes longer
  state.network = network;
  $("speed").textContent = warm ? `${took.toFixed(0)} ms, there and back, on this machine` : "";
  if (!state.camera) say(`${name}: translated to ${there.to} and back, λ = ${there.lambda}.`);
}

function paint(canvas, pixels, size) {
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  for (let at = 0; at < size * size; at++) {
    for (let channel = 0; channel < 3; channel++) image.data[at * 4 + channel] = pixels[at * 3 + channel];
    image.data[at * 4 + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function compare(photo, returned) {
  let sum = 0;
  for (let at = 0; at < photo.length; at++) sum += Math.abs(photo[at] - returned[at]);
  $("difference").textContent = (sum / photo.length).toFixed(1);
  const usual = alike(chosen("direction")).map(
    (model) => `${grey(model.reconstruction).toFixed(1)} with λ = ${model.lambda}`,
  );
  $("compared").textContent =
    `grey levels of 255 lie between the photo and what came back, on average (held-out photos: ${usual.join(", ")}).`;
}

function save() {
  const canvas = document.createElement("canvas");
  canvas.width = 3 * SAVED;
  canvas.height = SAVED;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  Object.keys(state.made).forEach((id, number) => {
    context.drawImage($(id), number * SAVED, 0, SAVED, SAVED);
  });
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "my-cat.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

// The camera

const REFUSED = {
  NotAllowedError: "The camera was refused. Allow it in the browser’s bar of addresses, or choose a photo.",
  NotFoundError: "There is no camera here. Choose a photo instead.",
  NotReadableError: "The camera is in use by another program, or it does not answer.",
};

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Failure("The browser lends its camera to pages from https:// or localhost only. Choose a photo.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    throw new Failure(REFUSED[error.name] ?? `The camera did not start: ${error.message}`);
  }
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  stream.getVideoTracks()[0].addEventListener("ended", () => stopCamera().catch(sorry));
  state.camera = { stream, video };
  $("camera").textContent = "Stop the camera";
  $("camera").setAttribute("aria-pressed", "true");
  say("The camera runs. Stop it to keep the last picture.");
  const { videoWidth: width, videoHeight: height } = video;
  state.opened++;
  show({ picture: video, width, height, name: "The camera’s last picture", example: null });
  document.querySelector(".pictures").scrollIntoView({ block: "nearest" }); // on a phone they lie below
}

// `keep`: its last picture stays, as a photo.
async function stopCamera(keep = true) {
  const { stream, video } = state.camera;
  state.camera = null;
  $("camera").textContent = "Use the camera";
  $("camera").setAttribute("aria-pressed", "false");
  const last = keep ? await createImageBitmap(video) : null;
  for (const track of stream.getTracks()) track.stop();
  if (state.source?.picture !== video || !last) return;
  Object.assign(state.source, { picture: last, width: last.width, height: last.height });
  redraw();
}

// What stands below

function notes() {
  const { models, runtime } = state.about;
  const { weights, size, record, minutes } = models[0];
  $("small").textContent =
    `Each network has ${weights.toLocaleString("en")} weights and sees ${size} × ${size} pixels. ` +
    `${record} was trained for ${Math.round(minutes)} minutes on one core of a CPU.`;
  $("kid").textContent = models[0].features;
  $("records").replaceChildren(
    ...models.map((m) => {
      const [kid, low, high] = m.kid.map((value) => value.toFixed(2));
      const row = document.createElement("tr");
      const cells = [
        `${m.from} → ${m.to}`,
        m.lambda,
        `${kid} [${low}, ${high}]`,
        m.untouched.toFixed(2),
        grey(m.reconstruction).toFixed(1),
        `${m.steps.toLocaleString("en")} steps, ${Math.round(m.minutes)} min`,
        m.record,
      ];
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    }),
  );
  const sets = [...new Set(models.map((m) => m.licence))].join("; ");
  $("licences").textContent =
    `The page: MIT, as the course. The networks: ${sets}; the examples are held-out photos of these sets, from the ` +
    `records. ${runtime.package} ${runtime.version}: ${runtime.licence}.`;
}

// It begins

function listen() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    take($("file").files).finally(() => ($("file").value = "")); // the same file again is a change, too
  });
  $("camera").addEventListener("click", () => (state.camera ? stopCamera() : startCamera()).catch(sorry));
  $("save").addEventListener("click", save);
  for (const id of ["side", "across", "down"]) $(id).addEventListener("input", redraw);
  $("preview").addEventListener("pointerdown", takeHold);
  $("preview").addEventListener("pointermove", drag);
  $("preview").addEventListener("lostpointercapture", () => (held = null));
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser would leave the page for the file
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
}

function wearTheme() {
  try {
    const mode = localStorage.getItem("mode"); // what the reader chose on the course's site
    if (mode === "dark" || mode === "light") document.documentElement.dataset.theme = mode;
  } catch {
    // storage may be switched off: the system's colours, then
  }
}

async function begin() {
  wearTheme();
  listen();
  const response = await fetch("models.json").catch(() => null);
  if (!response?.ok) throw new Failure("models.json could not be loaded. Reload the page to try again.");
  state.about = await response.json();
  offerDirections();
  offerLambdas();
  offerExamples();
  notes();
  if (!state.source) await openExample(inDomain()[0]);
}

begin().catch(sorry);
