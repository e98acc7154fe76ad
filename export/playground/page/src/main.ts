/** The page: which model is shown, what is known about it, and its views. */

import "./style.css";
import { Address } from "./address";
import { el, part } from "./dom";
import { generatorView } from "./generator";
import { type Model, readModels } from "./models";
import { Runner } from "./runner";
import { translatorView } from "./translator";
import { inWords } from "./trouble";
import type { View } from "./view";

const main = document.querySelector("main")!;
const status = document.querySelector<HTMLElement>("#status")!;
const alarm = document.querySelector<HTMLElement>("#alarm")!;
const picker = document.querySelector<HTMLSelectElement>("#model")!;

const say = (message: string) => (status.textContent = message);

function fail(error: unknown): void {
  say("");
  alarm.textContent = inWords(error);
  alarm.hidden = false;
  main.removeAttribute("aria-busy");
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function facts(model: Model): HTMLElement {
  const rows: [string, string][] = [
    ["Model", model.model],
    ["Dataset", model.dataset],
    ...model.facts,
    ["Licence", model.licence ?? "not stated"],
    ["Download", size(model.bytes)],
  ];
  const list = el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  return part("About this model", list);
}

async function views(view: View): Promise<HTMLElement[]> {
  return view.model.kind === "translator" ? translatorView(view) : generatorView(view);
}

let open: { close: AbortController; runner: Runner | null } | null = null;

async function show(model: Model, address: Address, note = ""): Promise<void> {
  open?.close.abort();
  void open?.runner?.close();
  const mine = { close: new AbortController(), runner: null as Runner | null };
  open = mine;
  document.title = `${model.title} · Playground`;
  picker.value = model.id;
  alarm.hidden = true;
  main.setAttribute("aria-busy", "true");
  main.replaceChildren();
  say(`Loading ${model.title}, ${size(model.bytes)}, and what runs it …`);
  try {
    const runner = await Runner.open(model);
    if (open !== mine) return void runner.close();
    mine.runner = runner;
    const elements = await views({ model, runner, address, say, fail, closed: mine.close.signal });
    if (open !== mine) return;
    main.replaceChildren(...elements, facts(model));
    say(note || `${model.title} is ready.`);
  } catch (error) {
    if (open !== mine) return;
    main.replaceChildren(facts(model));
    fail(error);
  }
  main.removeAttribute("aria-busy");
}

async function start(): Promise<void> {
  const models = await readModels();
  for (const model of models) picker.append(el("option", { value: model.id }, model.title));
  const showWanted = () => {
    const id = address.text("model");
    const found = models.find((model) => model.id === id);
    const model = found ?? models[0]!;
    const unknown = id !== null && !found;
    const note = unknown ? `This playground has no model ${id}. It shows ${model.title}.` : "";
    return show(model, address, note);
  };
  const address = new Address(() => void showWanted());
  picker.addEventListener("change", () => {
    address.start(picker.value);
    void showWanted();
  });
  picker.disabled = false;
  await showWanted();
}

start().catch(fail);
