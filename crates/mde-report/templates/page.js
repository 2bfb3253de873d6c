// Shared by all parts of the page: data, elements, sorting and saving of tables, and the selection of ablation charts.
const data = JSON.parse(document.getElementById("data").textContent);

const SVG = document.querySelector("svg")?.namespaceURI;
const make = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
};
// An element, or an element of a drawing, with attributes (listeners under "on…") and children.
const h = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => make(document.createElementNS(SVG, tag), attributes, children);

const NONE = "–";
// As the page writes numbers: a typographic minus, and no sign before what shows as zero.
const fixed = (value, digits, plus = "") => {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value).toFixed(digits);
  return `${Number(size) === 0 ? "" : value < 0 ? "−" : plus}${size}`;
};
const signed = (value, digits) => fixed(value, digits, "+");
const metres = (depth) => String(Math.round(depth * 100) / 100);
const number = (text) => {
  const value = parseFloat(text.replace("−", "-").replace(/[\u202f\u00a0 ](?=\d)/g, ""));
  return /^[+\-−]?[\d\u202f.]/.test(text) && !Number.isNaN(value) ? value : null;
};

// Undefined values come last in either direction. Equal values keep their order.
const byValue = (descending) => (a, b) => {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  return descending ? -order : order;
};

const save = (name, csv) => {
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
  const link = h("a", { href: url, download: `${name}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
const csvButton = (name) =>
  h("button", { type: "button", class: "csv", "aria-label": `Download ${name}.csv`, onclick: () => save(name, data.tables[name]) }, "↓ CSV");

for (const holder of document.querySelectorAll("[data-table], [data-csv]")) {
  const name = holder.dataset.table ?? holder.dataset.csv;
  holder.append(name in data.tables ? csvButton(name) : h("span", { class: "remark" }, `too long for the page: tables/${name}.csv`));
}

// A click on a column's name sorts the table, a second click reverses the order.
const sortable = (table) => {
  const heads = [...table.tHead.rows[0].cells];
  const [body] = table.tBodies;
  heads.forEach((head, column) => {
    const sort = () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, text: row.cells[column].textContent.trim() }));
      const numeric = rows.every(({ text }) => text === NONE || number(text) !== null);
      const value = ({ text }) => (text === NONE ? null : numeric ? number(text) : text);
      const compare = byValue(descending);
      rows.sort((a, b) => compare(value(a), value(b)));
      body.append(...rows.map(({ row }) => row));
    };
    const name = head.textContent;
    head.replaceChildren(h("button", { type: "button", onclick: sort }, name));
  });
};
document.querySelectorAll(".table table").forEach(sortable);

const ablation = document.getElementById("ablation-tools");
if (ablation) {
  ablation.hidden = false;
  const show = () => {
    for (const chart of document.querySelectorAll("#ablation-charts > [data-fill]")) {
      chart.hidden = chart.dataset.fill !== ablation.elements.fill.value || chart.dataset.range !== ablation.elements.range.value;
    }
  };
  ablation.addEventListener("change", show);
  // Browsers keep selections when a page is reloaded.
  show();
}

// Marks the visible section in the list of sections.
const marks = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    marks.forEach((link) => link.removeAttribute("aria-current"));
    marks.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-10% 0px -80% 0px" });
document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
