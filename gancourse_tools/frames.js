/* Sliders over stored frames: figure.frames holds one img a position, of which one is shown. */
for (const figure of document.querySelectorAll("figure.frames")) {
  const frames = [...figure.querySelectorAll("img")];
  const [range, output, button] = ["input", "output", "button"].map((s) => figure.querySelector(s));
  const film = "film" in figure.dataset;
  let timer = 0;
  const show = () => {
    frames.forEach((frame, i) => frame.classList.toggle("shown", i === Number(range.value)));
    const at = frames[range.value].dataset.at;
    output.textContent = at;
    range.setAttribute("aria-valuetext", at);
  };
  const pause = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = "play";
  };
  const next = () => {
    const last = Number(range.value) === frames.length - 1;
    range.value = last ? 0 : Number(range.value) + 1;
    show();
    const end = Number(range.value) === frames.length - 1;
    timer = setTimeout(next, end ? 2500 : last ? 1000 : film ? 160 : 700);
  };
  const play = () => {
    button.textContent = "pause";
    timer = setTimeout(next, 200);
  };
  range.addEventListener("input", () => {
    pause();
    show();
  });
  button.addEventListener("click", () => (timer ? pause() : play()));
  button.hidden = false;
  range.value = range.defaultValue; /* not where it stood before the page was loaded again */
  if (film && !matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}
