/** The pictures of a generator: classes, seed, directions, codes, and the grid that they give. */

import { choices, el, part, slider } from "./dom";
import { autoencoderPart } from "./autoencoder";
import { fix, path, push, repeated } from "./latent";
import { manifoldPart } from "./manifold";
import { labelsOf, noise, type Tensor, type Tensors } from "./noise";
import { download, paint } from "./pictures";
import { newestOnly } from "./runner";
import { player } from "./player";
import { quizPart } from "./quiz";
import { openedOnce, perPicture, type View } from "./view";

const COUNT = 16; // as `generate` draws by default
const REACH = 4; // deviations to either side of a draw
const LARGEST_SEED = Number.MAX_SAFE_INTEGER;
const BETWEEN = 32; // pictures from one kept picture to the other

/** Buttons or sliders for InfoGAN's codes; "as drawn" leaves one to its prior. */
function codeControls(view: View, redraw: () => void): HTMLElement[] {
  const { model, address } = view;
  return model.codes.flatMap((name) => {
    const spec = model.inputs[name]!;
    if (spec.prior === "category") {
      const chosen = address.integer(name, 0, spec.classes! - 1);
      const names = ["As drawn", ...Array.from({ length: spec.classes! }, (_, i) => String(i))];
      return choices(`Code ${name}`, names, chosen === null ? 0 : chosen + 1, (index) => {
        address.set(name, index ? index - 1 : null);
        redraw();
      });
    }
    const size = spec.shape.reduce((a, b) => a * b, 1);
    const values = address.numbers(name, size, 2) ?? new Array<number>(size).fill(0);
    const sliders = values.map((value, i) =>
      slider(size > 1 ? `${name} ${i + 1}` : name, [-1, 1, 0.05], value, (moved) => {
        values[i] = moved;
        address.set(name, values);
        redraw();
      }),
    );
    return el("fieldset", {}, el("legend", {}, `Code ${name}: as drawn until it is moved`), ...sliders);
  });
}

/** The grid and everything that changes it. */
export async function generatorView(view: View): Promise<HTMLElement[]> {
  const { model, runner, address } = view;
  const names = model.class_names;
  let seed = address.integer("seed", 0, LARGEST_SEED) ?? 0;
  let label = names.length ? address.integer("class", 0, names.length - 1) : null;
  const amounts =
    address.numbers("directions", model.directions.length, REACH) ?? model.directions.map(() => 0);
  let kept = (address.numbers("kept", 2, COUNT - 1) ?? []).filter(Number.isInteger);

  const canvases = Array.from({ length: COUNT }, () => el("canvas", { "aria-hidden": "true" }));
  const buttons = canvases.map((canvas, i) =>
    el("button", { type: "button", class: "picture", onclick: () => keep(i) }, canvas),
  );
  const speed = el("p", { class: "speed" });

  function currentInputs(): Tensors {
    const inputs = noise(model.inputs, COUNT, labelsOf(label, names.length, COUNT), seed);
    for (const name of model.codes) {
      const spec = model.inputs[name]!;
      const size = spec.shape.reduce((a, b) => a * b, 1);
      const chosen =
        spec.prior === "category" ? address.integer(name, 0, spec.classes! - 1) : address.numbers(name, size, 2);
      if (chosen !== null) fix(inputs[name]!, typeof chosen === "number" ? [chosen] : chosen);
    }
    push(inputs, model.directions, amounts);
    return inputs;
  }

  let inputs: Tensors = currentInputs();
  const draw = newestOnly(async () => {
    inputs = currentInputs();
    const images: Tensor = await runner.run(inputs);
    if (view.closed.aborted) return;
    canvases.forEach((canvas, i) => paint(canvas, images, i));
    speed.textContent = perPicture(runner.milliseconds, COUNT);
    labelButtons();
    document.body.dataset["drawn"] = `${model.id} ${seed} ${label} ${amounts}`;
  });
  const redraw = () => void draw().then(refresh).catch(view.fail);

  const between = player(view, "Between two pictures", () =>
    runner.run(path(inputs, model.inputs, kept[0]!, kept[1]!, BETWEEN)),
  );
  const notKept = el("p", { class: "hint" }, "Keep two pictures of the grid first, by clicking them. The class stays that of the first.");
  const stepRunner = model.steps && openedOnce(view, model.steps);
  const steps = player(view, "How it is drawn", drawnInSteps, 4);
  const manifold = model.manifold ? manifoldPart(view, () => label) : null;

  /** The first picture's steps, as frames. */
  async function drawnInSteps(): Promise<Tensor> {
    const one = Object.entries(inputs).map(([name, tensor]) => [name, repeated(tensor, 0, 1)]);
    const { data, shape } = await (await stepRunner!()).run(Object.fromEntries(one));
    return { data, shape: shape.slice(1) };
  }

  /** What depends on the grid's inputs or on the pictures that are kept. */
  function refresh(): void {
    showBetween();
    if (model.steps) steps.reset();
    manifold?.reset();
  }

  function showBetween(): void {
    const ready = kept.length === 2;
    between.element.hidden = !ready;
    notKept.hidden = ready;
    if (ready) between.reset();
  }

  function labelButtons(): void {
    const labels = labelsOf(label, names.length, COUNT);
    buttons.forEach((button, i) => {
      const what = names.length ? `, ${names[labels[i]!]}` : "";
      button.setAttribute("aria-label", `Keep picture ${i + 1}${what}`);
      button.setAttribute("aria-pressed", String(kept.includes(i)));
    });
  }

  function keep(index: number): void {
    kept = kept.includes(index) ? kept.filter((i) => i !== index) : [...kept, index].slice(-2);
    address.set("kept", kept.length === 2 ? kept : null);
    labelButtons();
    showBetween();
  }

  const seedBox = el("input", {
    type: "number", id: "seed", min: 0, max: LARGEST_SEED, step: 1, value: seed,
    onchange: () => sow(Number(seedBox.value)),
  });
  function sow(wanted: number): void {
    if (!Number.isSafeInteger(wanted) || wanted < 0) {
      view.say(`The seed must be an integer from 0. Received: ${seedBox.value || "nothing"}`);
      seedBox.value = String(seed);
      return;
    }
    seed = wanted;
    seedBox.value = String(seed);
    address.set("seed", seed);
    redraw();
  }

  const controls: HTMLElement[] = [];
  if (names.length) {
    controls.push(
      choices("Class", ["All in turn", ...names], label === null ? 0 : label + 1, (index) => {
        label = index ? index - 1 : null;
        address.set("class", label);
        redraw();
      }),
    );
  }
  controls.push(
    el(
      "div",
      { class: "row" },
      el("label", { for: "seed" }, "Seed"),
      seedBox,
      el("button", { type: "button", onclick: () => sow(Math.floor(Math.random() * 2 ** 32)) }, "New noise"),
      el("button", { type: "button", onclick: () => download(canvases, `${model.id}-seed-${seed}.png`) }, "Download PNG"),
    ),
    ...codeControls(view, redraw),
  );
  if (model.directions.length) {
    const sliders = model.directions.map((_, i) =>
      slider(`Direction ${i + 1}`, [-REACH, REACH, 0.1], amounts[i]!, (moved) => {
        amounts[i] = moved;
        address.set("directions", amounts.some(Boolean) ? amounts : null);
        redraw();
      }),
    );
    controls.push(
      el("details", { open: true }, el("summary", {}, "Leading latent directions"),
        el("p", {}, "Each moves all pictures along a direction of the noise that changes them most, in its standard deviations."),
        ...sliders),
    );
  }
  const grid = el("div", { class: "grid", role: "group", "aria-label": "Pictures" }, ...buttons);
  await draw();
  refresh();
  const parts = [
    el("div", { class: "columns" }, el("div", {}, grid, speed), el("div", {}, ...controls)),
    part("Between two kept pictures", notKept, between.element),
  ];
  if (manifold) parts.push(manifold.element);
  if (model.steps) parts.push(part("How the first picture is drawn", steps.element));
  if (model.encoder) parts.push(autoencoderPart(view, model.encoder));
  if (model.real.length) parts.push(quizPart(view));
  return parts;
}
