"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 200;
  const OUTCOMES = ["done", "failed", "skipped"];
  const SIZES = [["", "Any size"], ["0-1e6", "Below 1 MB"], ["1e6-1e8", "1 to 100 MB"], ["1e8-", "100 MB and more"]];
  const byId = (id) => document.getElementById(id);

  // Everything that a model file may have had a hand in goes through textContent: nothing here is ever read as HTML.
  function make(tag, text, ...classes) {
    const node = document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    if (classes.length) node.className = classes.join(" ");
    return node;
  }
  function put(node, ...children) { node.append(...children.filter((child) => child)); return node; }

  const number = (value) => value.toLocaleString("en-US");
  function bytes(count) {
    if (count === null || count === undefined || count < 0) return "";
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (count < 1000 || unit === "GB") return `${Number(count.toPrecision(3))} ${unit}`;
      count /= 1000;
    }
  }
  function seconds(value) {
    if (value === undefined || value === null) return "";
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 100) return `${value.toFixed(2)} s`;
    return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  }
  const shape = (dimensions) => dimensions === null ? "?" : dimensions.slice(1).map((item) => item === null ? "?" : item).join("×") || "scalar";
  const tensor = (item) => `${item.tensor} ${shape(item.shape)} ${item.dtype || ""}`.trim();

  // ---------------------------------------------------------------- what is derived of each model

  function boundariesOf(row) { return (row.steps || []).flatMap((step) => step.boundaries || []); }
  function told(row) {
    if (row.outcome === "failed") return `${row.error.code}: ${row.error.message}`;
    if (row.outcome === "skipped") return row.reason;
    return (row.steps || []).map((step) => `${row.steps.length > 1 ? `${step.step}: ` : ""}${made(step)}`).join("; ");
  }
  const many = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
  function across(crossing) {
    const first = crossing[0].tensors.slice(0, 2).map(tensor).join(", ");
    const more = crossing[0].tensors.length > 2 ? ` and ${crossing[0].tensors.length - 2} more` : "";
    return first + more + (crossing.length > 1 ? `, and ${crossing.length - 1} more ${crossing.length > 2 ? "boundaries" : "boundary"}` : "");
  }
  const MADE = {
    split: (step) => step.boundaries && step.boundaries.length ? across(step.boundaries) : many(step.parts.length, "part"),
    convert: (step) => [many(step.layers, "layer"), `${many(step.weights, "weight")}, ${number(step.relaid)} in a new layout`,
      step.notes.length ? many(step.notes.length, "note") : "", Object.keys(step.needs).length ? `needs ${Object.keys(step.needs).join(", ")}` : ""]
      .filter(Boolean).join("; "),
    inspect: (step) => many(step.parameters, "parameter"),
    cuts: (step) => many(step.places, "place"),
    layers: (step) => many(step.found, "layer"),
    verify: (step) => step.numeric ? "equal outputs" : "proven",
    run: (step) => step.command,
  };
  const made = (step) => (MADE[step.verb] || ((each) => many(each.layers, "layer")))(step);
  const rows = data.models.map((row, order) => ({
    ...row,
    order,
    told: told(row),
    size: row.source ? row.source.bytes : -1,
    across: boundariesOf(row).reduce((sum, item) => sum + item.bytes, 0),
    cause: row.error ? row.error.code : row.cause || "",
    codes: [...new Set((row.hazards || []).map((item) => item.code))],
  }));
  for (const row of rows) {
    const layers = boundariesOf(row).flatMap((item) => item.tensors.map((each) => each.tensor)).join(" ");
    row.haystack = `${row.model} ${row.told} ${layers} ${row.codes.join(" ")}`.toLowerCase();
  }

  // ---------------------------------------------------------------- state, kept in the address

  const DEFAULTS = { text: "", outcome: "", dialect: "", release: "", cause: "", hazard: "", size: "", sort: "", open: "" };
  let state = { ...DEFAULTS };
  let shown = PAGE;

  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    state = { ...DEFAULTS };
    for (const key of Object.keys(DEFAULTS)) if (given.has(key)) state[key] = given.get(key);
  }
  function change(changes) {
    state = { ...state, ...changes };
    const kept = Object.entries(state).filter(([, value]) => value !== "");
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
    shown = PAGE;
    draw();
  }
  function matches(row) {
    const [low, high] = state.size ? state.size.split("-") : ["", ""];
    return (!state.text || row.haystack.includes(state.text.toLowerCase()))
      && (!state.outcome || row.outcome === state.outcome)
      && (!state.dialect || (row.dialect || "unknown") === state.dialect)
      && (!state.release || (row.release || "unknown") === state.release)
      && (!state.cause || row.cause === state.cause)
      && (!state.hazard || (state.hazard === "any" ? row.codes.length > 0 : row.codes.includes(state.hazard)))
      && (!low || row.size >= Number(low)) && (!high || (row.size >= 0 && row.size < Number(high)));
  }

  // ---------------------------------------------------------------- head of the page

  function tally(values) {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }
  function drawSummary() {
    const summary = data.summary, all = rows.length;
    byId("subtitle").textContent = `${data.zoo} → ${summary.out} · ${summary.began.replace("+00:00", " UTC")} on ${summary.host}, ${seconds(summary.seconds)} · configsplit ${data.configsplit} · ${summary.engine}`;
    const worked = rows.reduce((sum, row) => sum + (row.run.seconds || 0), 0);
    const cards = [
      [number(all), "models", ""],
      ...OUTCOMES.map((name) => [number(summary.outcomes[name] || 0), name, name]),
      [bytes(summary.source_bytes), "read", ""],
      [bytes(summary.output_bytes), "written", ""],
      [seconds(summary.seconds), "this run", ""],
      [seconds(worked), "of work, all runs", ""],
    ];
    if (summary.kept) cards.push([number(summary.kept), "kept from before", ""]);
    for (const [value, label, kind] of cards) put(byId("cards"), put(make("div", null, "card", kind), make("b", value, value === "0" ? "none" : ""), make("span", label)));
    for (const name of OUTCOMES) {
      const part = make("i", null, name);
      part.style.width = `${100 * (summary.outcomes[name] || 0) / Math.max(1, all)}%`;
      byId("bar").append(part);
    }
    byId("recipe").textContent = JSON.stringify(data.recipe, null, 2);
  }
  // A group shows what its members were told: each message once, with how many got it and who.
  function drawGroups(section, place, groups, kind, choose, tell) {
    byId(section).hidden = groups.length === 0;
    for (const [code, count] of groups) {
      const link = make("button", code, "link", "mono");
      link.type = "button";
      link.addEventListener("click", () => { change({ ...DEFAULTS, ...choose(code) }); byId("filters").scrollIntoView(); });
      const told = put(make("div"), link), messages = new Map();
      for (const [message, hint, name] of tell(code)) {
        if (!messages.has(message)) messages.set(message, [hint]);
        messages.get(message).push(name);
      }
      const shownOf = [...messages].sort((a, b) => b[1].length - a[1].length).slice(0, 5);
      for (const [message, [hint, ...names]] of shownOf) {
        put(told, make("div", messages.size > 1 ? `${number(names.length)} × ${message}` : message, "message"), hint ? make("div", hint, "quiet") : null,
          make("div", names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${number(names.length - 5)} more` : ""), "names"));
      }
      if (messages.size > 5) put(told, make("div", `and ${many(messages.size - 5, "other message")}`, "quiet"));
      put(byId(place), put(make("div", null, "cause", kind), make("b", number(count)), told));
    }
  }
  function drawCauses() {
    for (const [outcome, kind] of [["failed", ""], ["skipped", "skip"]]) {
      const those = rows.filter((row) => row.outcome === outcome);
      drawGroups(`${outcome}-section`, `${outcome}-causes`, tally(those.map((row) => row.cause)), kind, (cause) => ({ cause }), (code) =>
        those.filter((row) => row.cause === code).map((row) => row.error ? [row.error.message, row.error.hint, row.model] : [row.reason, "", row.model]));
    }
    drawGroups("hazards-section", "hazards", tally(rows.flatMap((row) => row.codes)), "hazard", (hazard) => ({ hazard }), (code) =>
      rows.filter((row) => row.codes.includes(code)).map((row) => [row.hazards.find((item) => item.code === code).message, "", row.model]));
  }

  // ---------------------------------------------------------------- filters

  function options(id, first, values) {
    const select = byId(id);
    for (const [value, label] of [["", first], ...values]) { const item = make("option", label); item.value = value; select.append(item); }
    select.addEventListener("change", () => change({ [id.slice(2)]: select.value }));
  }
  function drawFilters() {
    for (const name of ["", ...OUTCOMES]) {
      const button = make("button", name ? `${name} ${number(data.summary.outcomes[name] || 0)}` : "all");
      button.type = "button";
      button.dataset.outcome = name;
      button.addEventListener("click", () => change({ outcome: name }));
      byId("f-outcome").append(button);
    }
    const counted = (pairs) => pairs.map(([value, count]) => [value, `${value} (${number(count)})`]);
    options("f-dialect", "Any dialect", counted(tally(rows.map((row) => row.dialect || "unknown"))));
    options("f-release", "Any release", counted(tally(rows.map((row) => row.release || "unknown"))));
    options("f-cause", "Any cause", counted(tally(rows.filter((row) => row.cause).map((row) => row.cause))));
    const hazards = tally(rows.flatMap((row) => row.codes));
    options("f-hazard", "Hazards or none", hazards.length ? [["any", "Any hazard"], ...counted(hazards)] : []);
    options("f-size", SIZES[0][1], SIZES.slice(1));
    let timer = 0;
    byId("f-text").addEventListener("input", (event) => { clearTimeout(timer); timer = setTimeout(() => change({ text: event.target.value }), 120); });
    byId("f-reset").addEventListener("click", () => change(DEFAULTS));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
  }

  // ---------------------------------------------------------------- the table

  const COLUMNS = [
    ["outcome", "Outcome", "", (row) => OUTCOMES.indexOf(row.outcome)],
    ["model", "Model", "", (row) => row.order],
    ["dialect", "Dialect", "", (row) => row.dialect || ""],
    ["release", "Release", "", (row) => row.release || ""],
    ["layers", "Layers", "number", (row) => row.layers || 0],
    ["size", "Size", "number", (row) => row.size],
    ["told", "What was made, or what went wrong", "", (row) => row.told],
    ["across", "Across", "number", (row) => row.across],
    ["time", "Time", "number", (row) => row.run.seconds || 0],
  ];
  function drawHead() {
    for (const [key, title, kind] of COLUMNS) {
      const button = make("button", title);
      button.type = "button";
      button.addEventListener("click", () => change({ sort: state.sort === key ? `-${key}` : state.sort === `-${key}` ? "" : key }));
      const cell = put(make("th", null, kind), button);
      cell.dataset.key = key;
      cell.scope = "col";
      byId("head").append(cell);
    }
  }
  function sorted(found) {
    const key = state.sort.replace("-", ""), column = COLUMNS.find((item) => item[0] === key);
    if (!column) return found;
    const sign = state.sort.startsWith("-") ? -1 : 1, value = column[3];
    return [...found].sort((a, b) => { const x = value(a), y = value(b); return x < y ? -sign : x > y ? sign : a.order - b.order; });
  }
  function drawRow(row) {
    const line = make("tr", null, "model");
    line.tabIndex = 0;
    line.dataset.model = row.model;
    line.setAttribute("aria-expanded", String(state.open === row.model));
    const toggle = () => change({ open: state.open === row.model ? "" : row.model });
    line.addEventListener("click", toggle);
    line.addEventListener("keydown", (event) => { if (event.key === "Enter") toggle(); });
    const name = make("td", row.model, "name");
    if (row.codes.length) put(name, " ", make("span", row.codes.length > 1 ? `${row.codes.length} hazards` : row.codes[0], "badge", "hazard"));
    return put(line, put(make("td"), make("span", row.outcome, "badge", row.outcome)), name, make("td", row.dialect || ""),
      make("td", row.release || ""), make("td", row.layers ? number(row.layers) : "", "number"), make("td", bytes(row.size), "number"), make("td", row.told, "told"),
      make("td", row.across ? bytes(row.across) : "", "number"), make("td", seconds(row.run.seconds), "number"));
  }
  function listing(pairs) {
    const list = make("dl");
    for (const [term, value] of pairs) if (value !== undefined && value !== null && value !== "") put(list, make("dt", term), make("dd", value));
    return list;
  }
  function grid(header, lines) {
    const table = make("table"), head = make("tr");
    for (const title of header) head.append(make("th", title));
    put(table, put(make("thead"), head));
    const body = make("tbody");
    for (const cells of lines) { const line = make("tr"); for (const cell of cells) line.append(cell instanceof Node ? put(make("td"), cell) : make("td", cell)); body.append(line); }
    return put(table, body);
  }
  /** A cut as a picture: parts side by side, as wide as they have layers, and between them what crosses, as thick as its bytes. */
  function drawCut(step) {
    const NS = "http://www.w3.org/2000/svg", WIDE = 460, GAP = 34, PALETTE = 8;
    const svg = document.createElementNS(NS, "svg");
    const add = (tag, values, told, kind) => {
      const node = document.createElementNS(NS, tag), title = document.createElementNS(NS, "title");
      for (const [key, value] of Object.entries(values)) node.setAttribute(key, value);
      node.setAttribute("class", kind);
      title.textContent = told;
      node.append(title);
      svg.append(node);
    };
    const all = step.parts.reduce((sum, part) => sum + part.layers, 0), room = Math.max(WIDE - GAP * (step.parts.length - 1), 40);
    let x = 0;
    step.parts.forEach((part, index) => {
      const width = Math.max(room * part.layers / Math.max(all, 1), 3);
      add("rect", { x, y: 6, width, height: 30, rx: 5 }, `${part.file}: ${number(part.layers)} layers, ${bytes(part.bytes)}`, `part part-${index % PALETTE}`);
      x += width;
      const crossing = (step.boundaries || [])[index];
      (crossing ? crossing.tensors.slice(0, 5) : []).forEach((item, place, shown) => {
        const y = 21 + (place - (shown.length - 1) / 2) * 6, thick = Math.min(Math.max(0.6 * Math.log10(Math.max(item.bytes, 1)) - 0.2, 1), 5);
        add("line", { x1: x, x2: x + GAP, y1: y, y2: y, "stroke-width": thick }, `${tensor(item)}, ${bytes(item.bytes)}`, "across");
      });
      x += GAP;
    });
    svg.setAttribute("viewBox", `0 0 ${x - GAP} 42`);
    svg.setAttribute("class", "cut");
    return svg;
  }
  // A file of the output, by its way from this page; "./" keeps a name from being read as anything else than a name.
  function linked(path) {
    const link = make("a", path);
    link.setAttribute("href", `./${path.split("/").map(encodeURIComponent).join("/")}`);
    return link;
  }
  function drawStep(step) {
    const place = step.at ? ` at ${step.at.join("; ")}` : step.stages ? ` into ${step.stages} stages by ${step.plan.balance} (${step.plan.state}, ${step.plan.imbalance.toFixed(3)} × the mean)` : "";
    const parts = [make("h3", step.step + place)];
    if (step.parts) parts.push(drawCut(step), grid(["Part", "Layers", "Size", "Takes", "Gives"],
      step.parts.map((part) => [part.file, number(part.layers), bytes(part.bytes), part.inputs.join(", "), part.outputs.join(", ")])));
    (step.boundaries || []).forEach((boundary, index) => parts.push(make("h3", `Boundary ${index + 1}: ${bytes(boundary.bytes)} a sample`),
      grid(["Tensor", "Shape", "Type", "Bytes"], boundary.tensors.map((item) => [item.tensor, shape(item.shape), item.dtype || "?", bytes(item.bytes)]))));
    const proof = step.proof ? Object.entries(step.proof).map(([key, value]) => `${number(value)} ${key}`).join(", ") : "";
    const numeric = step.numeric ? `bit-identical in ${step.numeric.framework} ${step.numeric.version} on ${step.numeric.samples} samples` : "";
    parts.push(listing([["Parameters", step.parameters === undefined ? "" : number(step.parameters)],
      ["Multiply-accumulates", step.macs === undefined ? "" : number(step.macs)], ["Places", step.places], ["Layers", step.found], ["File", step.file], ["Proven", proof], ["Run", numeric], ["Shared layers", (step.shared || []).join(", ")],
      ["Notes", (step.notes || []).map((item) => `${item.layer}: ${item.what}`).join("\n")],
      ["Warnings", (step.warnings || []).join("\n")], ["Command", step.command]]));
    return parts;
  }
  function drawTimes(row) {
    const steps = Object.entries(row.run.steps || {}), most = Math.max(0.000001, ...steps.map(([, value]) => value));
    const list = make("dl");
    for (const [name, value] of steps) {
      const bar = make("span", null, "time");
      bar.style.width = `${Math.max(1, 180 * value / most)}px`;
      put(list, make("dt", name), put(make("dd"), bar, seconds(value)));
    }
    return list;
  }
  function drawDetails(row) {
    const cell = make("td");
    cell.colSpan = COLUMNS.length;
    if (row.error) put(cell, make("h3", "Why it failed"), listing([["Code", row.error.code], ["Message", row.error.message], ["Where", row.error.where],
      ["What to do", row.error.hint], ["Step", row.step], ["Said last", row.run.detail]]));
    if (row.reason) put(cell, make("h3", "Why it was skipped"), listing([["Cause", row.cause], ["Reason", row.reason]]));
    for (const step of row.steps || []) put(cell, ...drawStep(step));
    if ((row.hazards || []).length) put(cell, make("h3", "Hazards"), grid(["Code", "Where", "What"], row.hazards.map((item) => [item.code, item.where, item.message])));
    if (row.outputs) put(cell, make("h3", "Files"), grid(["File", "Size"], row.outputs.map((item) => [linked([row.folder, item.file].filter(Boolean).join("/")), bytes(item.bytes)])));
    const source = row.source || {};
    put(cell, make("h3", "Source"), listing([["Format", row.format], ["Release", row.release], ["SHA-256", source.sha256]]));
    if (row.run.steps) put(cell, make("h3", "Times"), drawTimes(row));
    put(cell, listing([["Attempts", row.run.attempts > 1 ? String(row.run.attempts) : ""], ["Worker", row.run.worker],
      ["Memory of the worker", row.run.memory ? bytes(row.run.memory) : ""]]));
    return put(make("tr", null, "details"), cell);
  }
  function draw() {
    const found = sorted(rows.filter(matches));
    const visible = found.slice(0, shown);
    const lines = visible.flatMap((row) => state.open === row.model ? [drawRow(row), drawDetails(row)] : [drawRow(row)]);
    byId("rows").replaceChildren(...lines);
    byId("count").textContent = `${number(found.length)} of ${number(rows.length)} models`;
    byId("more").hidden = found.length <= shown;
    byId("more").textContent = `Show ${number(Math.min(PAGE, found.length - shown))} more`;
    for (const key of ["dialect", "release", "cause", "hazard", "size"]) byId(`f-${key}`).value = state[key];
    if (document.activeElement !== byId("f-text")) byId("f-text").value = state.text;
    for (const button of byId("f-outcome").children) button.setAttribute("aria-pressed", String(button.dataset.outcome === state.outcome));
    for (const cell of byId("head").children) {
      const sign = state.sort === cell.dataset.key ? "ascending" : state.sort === `-${cell.dataset.key}` ? "descending" : "none";
      cell.setAttribute("aria-sort", sign);
      const title = COLUMNS.find((item) => item[0] === cell.dataset.key)[1];
      cell.firstChild.textContent = title + (sign === "ascending" ? " ↑" : sign === "descending" ? " ↓" : "");
    }
  }

  for (const name of data.summary.out.includes("://") ? ["ledger.jsonl"] : ["ledger.jsonl", "run.jsonl"]) byId(name).replaceWith(linked(name));
  drawSummary();
  drawCauses();
  drawFilters();
  drawHead();
  byId("more").addEventListener("click", () => { shown += PAGE; draw(); });
  addEventListener("hashchange", () => { fromAddress(); draw(); });
  fromAddress();
  draw();
})();
