// The unit browser: sorting and filtering the curves, and the view of one unit.
const key = (model, layer, unit) => `${model}/${encodeURIComponent(layer)}/${unit}`;
const centre = (panel, bin) => (bin === null ? null : (panel.edges[bin] + panel.edges[bin + 1]) / 2);
const range = (panel, bin) => (bin === null ? NONE : `${metres(panel.edges[bin])} – ${metres(panel.edges[bin + 1])} m`);

// Every unit with its panel, its card and the text that a search covers.
const units = new Map();
for (const panel of data.panels) {
  const layer = [...document.querySelectorAll(".layer")].find((node) => node.dataset.layer === panel.layer);
  panel.node = layer.querySelector(`[data-model="${panel.model}"]`);
  panel.list = panel.node.querySelector(".units");
  panel.name = data.models.find((model) => model.key === panel.model);
  for (const unit of panel.units) {
    unit.panel = panel;
    unit.key = key(panel.model, panel.layer, unit.unit);
    unit.card = panel.list.querySelector(`[data-unit="${unit.unit}"]`);
    unit.words = unit.card.querySelector("svg").getAttribute("aria-label").toLowerCase();
    units.set(unit.key, unit);
  }
}

// How to get and write a value of a unit, and whether the largest values come first.
const VALUES = {
  preferred: { of: (unit) => centre(unit.panel, unit.preferred), text: (value) => `${metres(value)} m`, name: "Preferred depth" },
  selectivity: { of: (unit) => unit.selectivity, text: (value) => fixed(value, 2), name: "Selectivity", descending: true },
  held_out: { of: (unit) => unit.held_out, text: (value) => fixed(value, 2), name: "Held-out", descending: true },
  p_value: { of: (unit) => unit.p_value, text: (value) => `p ${fixed(value, 3)}`, name: "p" },
  zero: { of: (unit) => unit.zero?.[0] ?? null, text: (value) => signed(value, 5), name: "Removed, 0", descending: true },
  filled: { of: (unit) => unit.filled?.[0] ?? null, text: (value) => signed(value, 5), name: "Removed, mean", descending: true },
  gain: { of: (unit) => unit.gain, text: (value) => signed(value, 5), name: "Corrected", descending: true },
  unit: { of: (unit) => unit.unit, text: (value) => String(value), name: "Unit" },
};
const COLUMNS = ["unit", "selectivity", "held_out", "preferred", "p_value", "zero", "filled", "gain"];

const tools = document.getElementById("unit-tools");
const fields = tools.elements;
const direction = document.getElementById("unit-direction");
let descending = false;
// The visible units in order, for "previous" and "next".
let shown = [];

// "17" or "3, 20-25": numbers and ranges. Any other text is searched for in the description.
const finder = (text) => {
  const parts = text.trim().toLowerCase().split(/[\s,]+/).filter(Boolean);
  const spans = parts.map((part) => /^(\d+)(?:[-–](\d+))?$/.exec(part));
  if (!parts.length) return () => true;
  if (!spans.every(Boolean)) return (unit) => unit.words.includes(text.trim().toLowerCase());
  return (unit) => spans.some(([, from, to]) => unit.unit >= Number(from) && unit.unit <= Number(to ?? from));
};

const filter = () => {
  const found = finder(fields.text.value);
  const least = Number(fields.least.value);
  const [near, far] = [fields.near, fields.far].map((field) => (field.value === "" ? null : Number(field.value)));
  return (unit) => {
    const depth = VALUES.preferred.of(unit);
    return found(unit)
      && (least === 0 || (unit.selectivity ?? -1) >= least)
      && (!fields.above.checked || (unit.p_value !== null && unit.p_value < 0.05))
      && (near === null || (depth !== null && depth >= near))
      && (far === null || (depth !== null && depth <= far));
  };
};

const table = (panel, list, sort) => {
  const columns = COLUMNS.filter((name) => panel.units.some((unit) => VALUES[name].of(unit) !== null));
  const head = (name) =>
    h("th", { scope: "col", "aria-sort": name === sort ? (descending ? "descending" : "ascending") : null },
      h("button", { type: "button", onclick: () => sortBy(name) }, VALUES[name].name));
  const cell = (unit, name) => {
    const value = VALUES[name].of(unit);
    return h("td", null, name === "preferred" ? range(panel, unit.preferred) : value === null ? NONE : VALUES[name].text(value));
  };
  const row = (unit) =>
    h("tr", null, h("th", { scope: "row" }, h("a", { href: `#unit=${unit.key}` }, `unit ${unit.unit}`)),
      columns.slice(1).map((name) => cell(unit, name)));
  return h("div", { class: "unit-table scroll", role: "region", tabindex: "0", "aria-label": `Units of ${panel.layer}, ${panel.name.name} model` },
    h("table", null, h("thead", null, h("tr", null, columns.map(head))), h("tbody", null, list.map(row))));
};

const update = () => {
  const [layer, model, sort] = [fields.layer.value, fields.model?.value ?? "", fields.sort.value];
  const asTable = fields.view.value === "table";
  const keep = filter();
  const compare = byValue(descending);
  const { of, text } = VALUES[sort];
  tools.querySelector("output").value = Number(fields.least.value).toFixed(2);
  direction.textContent = descending ? "↓ largest first" : "↑ smallest first";
  for (const node of document.querySelectorAll(".layer")) {
    node.hidden = node.dataset.layer !== layer;
    node.classList.toggle("as-table", asTable);
  }
  shown = [];
  let all = 0;
  for (const panel of data.panels) {
    if (panel.layer !== layer) continue;
    panel.node.hidden = model !== "" && model !== panel.model;
    panel.node.querySelector(".unit-table")?.remove();
    if (panel.node.hidden) continue;
    const list = panel.units.filter(keep).sort((a, b) => compare(of(a), of(b)) || a.unit - b.unit);
    for (const unit of panel.units) unit.card.hidden = true;
    for (const unit of list) {
      unit.card.hidden = false;
      const value = of(unit);
      unit.card.querySelector(".score").textContent =
        sort === "unit" || sort === "preferred" ? fixed(unit.selectivity, 2) : value === null ? NONE : text(value);
    }
    panel.list.append(...list.map((unit) => unit.card));
    if (asTable) panel.node.append(table(panel, list, sort));
    rove(list, list[0]);
    shown.push(...list);
    all += panel.units.length;
  }
  document.getElementById("unit-count").textContent = `${shown.length} of ${all} units shown`;
};

const sortBy = (name) => {
  descending = fields.sort.value === name ? !descending : VALUES[name].descending === true;
  fields.sort.value = name;
  update();
  document.querySelector(".layer:not([hidden]) .unit-table [aria-sort] button")?.focus();
};

// One curve of a panel is a tab stop. The arrow keys move between curves.
const rove = (list, current) => {
  for (const unit of list) unit.card.firstElementChild.tabIndex = unit === current ? 0 : -1;
};
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
const arrows = (panel) => (event) => {
  const list = shown.filter((unit) => unit.panel === panel);
  const at = list.findIndex((unit) => unit.card.firstElementChild === event.target);
  const columns = list.filter((unit) => unit.card.offsetTop === list[0].card.offsetTop).length;
  const steps = { ...STEPS, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: list.length - 1 - at };
  if (at < 0 || !(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = list[at + steps[event.key]];
  event.preventDefault();
  if (!next) return;
  rove(list, next);
  next.card.firstElementChild.focus();
};

// The view of one unit.
const dialog = document.getElementById("unit");
let opened = null;
let overlay = { on: true, strength: 0.75 };

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [480, 236, 44, 10, 196];
const ticksOf = (from, to) => {
  const rough = (to - from) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const marks = [];
  for (let mark = Math.ceil(from / step - 1e-9); mark * step <= to + 1e-9 * step; mark += 1) marks.push([mark * step, fixed(mark * step, digits)]);
  return marks;
};

const curve = (unit) => {
  const { panel, mean, low, high } = unit;
  const bins = mean.length;
  const defined = [...mean, ...low, ...high].filter((value) => value !== null);
  const [from, to] = [Math.min(0, ...defined), Math.max(0, ...defined)];
  const span = to > from ? to - from : 1;
  const x = (bin) => LEFT + (bin / bins) * (WIDTH - LEFT - 6);
  const y = (value) => BOTTOM - ((value - from) / span) * (BOTTOM - TOP);
  const at = (bin, value) => `${x(bin + 0.5).toFixed(1)} ${y(value).toFixed(1)}`;
  // Runs of bins with a value, so that a gap in the data is a gap in the drawing.
  const runs = (values) => values.reduce((found, value, bin) => {
    if (value === null) return found;
    if (bin > 0 && values[bin - 1] !== null) found.at(-1).push(bin);
    else found.push([bin]);
    return found;
  }, []);
  const line = runs(mean).map((run) => `M${run.map((bin) => at(bin, mean[bin])).join("L")}h0`).join("");
  const band = runs(low).map((run) => {
    const back = [...run].reverse();
    return `M${run.map((bin) => at(bin, low[bin])).concat(back.map((bin) => at(bin, high[bin]))).join("L")}z`;
  }).join("");
  const cursor = s("path", { class: "cursor" });
  const readout = h("p", { class: "readout" }, "");
  const rest = () => {
    cursor.removeAttribute("d");
    readout.textContent = unit.preferred === null ? "No preferred depth" : `Preferred depth: ${range(panel, unit.preferred)}`;
  };
  const point = (event) => {
    const box = drawing.getBoundingClientRect();
    const bin = Math.floor(((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - 6)) * bins);
    if (bin < 0 || bin >= bins) return rest();
    cursor.setAttribute("d", `M${x(bin + 0.5).toFixed(1)} ${TOP}V${BOTTOM}`);
    const interval = low[bin] === null ? "" : ` (${fixed(low[bin], 3)} to ${fixed(high[bin], 3)})`;
    const response = mean[bin] === null ? "too few pixels" : `${fixed(mean[bin], 3)}${interval}`;
    readout.textContent = `${range(panel, bin)}: ${response}, ${panel.pixels[bin].toLocaleString("en")} pixels`;
  };
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": unit.card.querySelector("svg").getAttribute("aria-label"), onpointermove: point, onpointerleave: rest },
    unit.assigned === null ? null : s("path", { class: "assigned-bin", d: `M${x(unit.assigned)} ${TOP}H${x(unit.assigned + 1)}V${BOTTOM}H${x(unit.assigned)}z` }),
    ticksOf(from, from + span).map(([mark, label]) => [
      s("path", { class: "grid", d: `M${LEFT} ${y(mark)}H${WIDTH - 6}` }),
      s("text", { x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end" }, label)]),
    s("path", { class: "base", d: `M${LEFT} ${y(0)}H${WIDTH - 6}` }),
    panel.ticks.map(([position, label]) => [
      s("path", { class: "notch", d: `M${x(position)} ${BOTTOM}v4` }),
      s("text", { x: x(position), y: BOTTOM + 17, "text-anchor": "middle" }, label)]),
    s("text", { class: "axis", x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "true depth, metres"),
    s("path", { class: "band", d: band }),
    cursor,
    s("path", { class: "curve", d: line }),
    unit.preferred === null || mean[unit.preferred] === null ? null
      : s("circle", { class: "peak", cx: x(unit.preferred + 0.5), cy: y(mean[unit.preferred]), r: 4 }));
  rest();
  return [drawing, readout];
};

// Selectivity on a line from 0 to 1, over the chance level.
const strip = (unit) => {
  if (unit.selectivity === null) return null;
  const x = (value) => 8 + Math.min(1, Math.max(0, value)) * (WIDTH - 16);
  return s("svg", { viewBox: `0 0 ${WIDTH} 44`, role: "img", "aria-label": `Selectivity ${fixed(unit.selectivity, 2)} on a scale from 0 to 1. The list below has the values.` },
    unit.null_95 === null ? null : s("rect", { class: "chance", x: x(0), y: 4, width: x(unit.null_95) - x(0), height: 16 }),
    s("path", { class: "base", d: `M${x(0)} 24H${x(1)}` }),
    [0, 0.2, 0.4, 0.6, 0.8, 1].map((mark) => [
      s("path", { class: "notch", d: `M${x(mark)} 24v4` }),
      s("text", { x: x(mark), y: 40, "text-anchor": "middle" }, fixed(mark, 1))]),
    unit.null_mean === null ? null : s("path", { class: "notch", d: `M${x(unit.null_mean)} 4V20` }),
    unit.interval === null ? null : s("path", { class: "whisker", d: `M${x(unit.interval[0])} 12H${x(unit.interval[1])}` }),
    s("circle", { class: "score", cx: x(unit.selectivity), cy: 12, r: 5 }),
    unit.held_out === null ? null : s("circle", { class: "held", cx: x(unit.held_out), cy: 12, r: 4 }));
};

const facts = (unit) => {
  const { panel } = unit;
  const interval = (ends, digits) => (ends === null ? null : h("small", null, ` (${fixed(ends[0], digits)} to ${fixed(ends[1], digits)})`));
  const removed = (change) => `AbsRel ${signed(change[0], 5)}, RMSE ${signed(change[1], 5)}\u00a0m`;
  const rows = [
    ["● Selectivity", [fixed(unit.selectivity, 3), interval(unit.interval, 3)], unit.selectivity],
    ["○ Held-out", [fixed(unit.held_out, 3)], unit.held_out],
    ["▮ Chance level", [`${fixed(unit.null_mean, 3)}, 95th percentile ${fixed(unit.null_95, 3)}`, h("small", null, ` p\u00a0=\u00a0${fixed(unit.p_value, 3)}`)], unit.null_mean],
    ["Reference", [fixed(unit.reference, 3), h("small", null, " estimator of the paper’s code")], unit.reference],
    ["Assigned bin", [range(panel, unit.assigned), h("small", null, ` selectivity there ${fixed(unit.at_assigned, 3)}`)], unit.assigned],
    ["Removed", [unit.zero && removed(unit.zero), h("small", null, " replaced by 0")], unit.zero],
    ["", [unit.filled && removed(unit.filled), h("small", null, " replaced by its mean")], unit.filled],
    ["Corrected", [`AbsRel ${signed(unit.gain === null ? null : -unit.gain, 5)}`, interval(unit.gain_interval?.map((end) => -end).reverse() ?? null, 5)], unit.gain],
  ];
  return rows.map(([term, words, value]) => ({ term, words: value === null ? null : words }));
};
// Facts of two units have the same rows, to be compared side by side.
const listed = (all, own) =>
  h("dl", { class: "facts" }, own.flatMap(({ term, words }, row) =>
    all.some((facts) => facts[row].words !== null) ? [h("dt", null, term), h("dd", null, words ?? NONE)] : []));

const top = (unit) => {
  if (!unit.top.length) return [];
  const figure = ({ photo, peak, uri }) => {
    const { id, width, height, uri: picture } = data.photos[photo];
    return h("figure", null,
      h("div", { class: "stack" },
        h("img", { class: "photo", src: picture, width, height, alt: `${id}, peak response of unit ${unit.unit}: ${fixed(peak, 2)}` }),
        h("img", { class: "heat", src: uri, alt: "" })),
      h("figcaption", null, `${id}, peak ${fixed(peak, 2)}`));
  };
  return [h("h4", null, "Images with the strongest response"), h("div", { class: "top" }, unit.top.map(figure))];
};

const sheet = (unit, own, all) =>
  h("div", { class: `sheet ${unit.panel.name.class}${unit === opened ? " opened" : ""}`, role: "group", "aria-label": unit.panel.name.label },
    data.models.length > 1 ? h("h3", { class: unit.panel.name.class }, unit.panel.name.label) : null,
    curve(unit), strip(unit), listed(all, own), top(unit),
    unit.panel.missing.length ? h("ul", { class: "lacks" }, unit.panel.missing.map(({ what, command }) => h("li", null, `Not measured: ${what}. `, h("code", null, command)))) : null);

const applyOverlay = () => {
  dialog.style.setProperty("--heat", overlay.on ? overlay.strength : 0);
  dialog.style.setProperty("--greyed", overlay.on ? 1 : 0);
};
const overlayTools = () =>
  h("div", { class: "overlay-tools" },
    h("label", null, h("input", { type: "checkbox", checked: overlay.on, onchange: (event) => { overlay.on = event.target.checked; applyOverlay(); } }), " activation on top of the image"),
    h("label", null, "strength ", h("input", { type: "range", min: 0, max: 1, step: 0.05, value: overlay.strength, oninput: (event) => { overlay.strength = Number(event.target.value); applyOverlay(); } })));

const open = (unit) => {
  const { panel } = unit;
  opened = unit;
  const others = data.panels.filter((other) => other.layer === panel.layer && other !== panel);
  const same = others.map((other) => units.get(key(other.model, panel.layer, unit.unit))).filter(Boolean);
  // Each model stays on its side, whichever was opened.
  const pair = [unit, ...same].sort((a, b) => data.models.indexOf(a.panel.name) - data.models.indexOf(b.panel.name));
  const all = pair.map(facts);
  const around = shown.filter((other) => other.panel === panel);
  const at = around.indexOf(unit);
  const step = (by, label, sign) =>
    h("button", { type: "button", class: by < 0 ? "previous" : "next", "aria-label": label, disabled: !around[at + by] || at < 0, onclick: () => move(by) }, sign);
  const focused = dialog.open ? dialog.querySelector(":focus")?.className : null;
  dialog.replaceChildren(
    h("div", { class: "bar-top" },
      h("h2", { id: "unit-title", tabindex: "-1" }, `Unit ${unit.unit} of ${panel.layer}`),
      h("span", { class: "place", role: "status" }, at < 0 ? "not shown in the list" : `${data.models.length > 1 ? `${panel.name.label}, ` : ""}${at + 1} of ${around.length}`),
      step(-1, "Previous unit", "←"), step(1, "Next unit", "→"),
      h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "✕")),
    pair.some((one) => one.top.length) ? overlayTools() : "",
    h("div", { class: "sheets" }, pair.map((one, index) => sheet(one, all[index], all))));
  applyOverlay();
  if (!dialog.open) dialog.showModal();
  const again = focused && dialog.querySelector(`.${focused}:not(:disabled)`);
  (again || dialog.querySelector("#unit-title")).focus();
  dialog.scrollTop = 0;
};

const move = (by) => {
  const around = shown.filter((other) => other.panel === opened.panel);
  const at = around.indexOf(opened);
  const next = at < 0 ? null : around[at + by];
  if (next) history.replaceState(null, "", `#unit=${next.key}`);
  if (next) open(next);
};

// The address names the open unit, so a link to it can be shared.
const follow = () => {
  const [, address] = /^#unit=(.+)$/.exec(location.hash) ?? [];
  const unit = units.get(address);
  if (!unit) {
    if (dialog.open) dialog.close();
    return;
  }
  const { panel } = unit;
  if (fields.layer.value !== panel.layer || panel.node.hidden) {
    fields.layer.value = panel.layer;
    if (fields.model) fields.model.value = "";
    update();
  }
  open(unit);
};

dialog.addEventListener("close", () => {
  const unit = opened;
  opened = null;
  if (location.hash.startsWith("#unit=")) history.replaceState(null, "", "#units");
  dialog.replaceChildren();
  if (!unit) return;
  const row = [...unit.panel.node.querySelectorAll(".unit-table a")].find((link) => link.hash === `#unit=${unit.key}`);
  const link = row ?? (unit.card.hidden ? document.getElementById("units-title") : unit.card.firstElementChild);
  if (link === unit.card.firstElementChild) rove(shown.filter((other) => other.panel === unit.panel), unit);
  link.focus();
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || !(event.key in STEPS) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  move(STEPS[event.key]);
});

tools.hidden = false;
document.querySelectorAll(".scripted").forEach((node) => { node.hidden = false; });
for (const panel of data.panels) panel.list.addEventListener("keydown", arrows(panel));
tools.addEventListener("submit", (event) => event.preventDefault());
tools.addEventListener("input", (event) => {
  if (event.target === fields.sort) descending = VALUES[fields.sort.value].descending === true;
  update();
});
tools.addEventListener("reset", (event) => {
  event.preventDefault();
  for (const name of ["text", "near", "far"]) fields[name].value = "";
  fields.least.value = 0;
  fields.above.checked = false;
  update();
});
direction.addEventListener("click", () => {
  descending = !descending;
  update();
});
addEventListener("hashchange", follow);
update();
follow();
