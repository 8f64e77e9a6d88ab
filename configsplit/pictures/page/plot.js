"use strict";
// The page has the SVG of every view. What is here opens and closes boxes: everything else moves aside, by the places that are
// in the data. Texts are set as text, and never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const [WIDTH, HEIGHT, HEAD, RIM] = data.box;
  const picture = byId("picture"), paper = byId("paper");
  let zoom = 1, at = null;

  // ------------------------------------------------------------------ views that are open

  const spare = new Map([...picture.children].map((each) => [Number(each.id.slice(1)), each]));
  for (const each of spare.values()) each.removeAttribute("id");
  const parents = new Map();
  for (const [number, view] of Object.entries(data.views)) {
    view.boxes.forEach(([, , inside], place) => {
      if (inside && !parents.has(inside)) parents.set(inside, [Number(number), place]);
    });
  }

  /** A view of the data as it is seen. The outermost is seen once: it is what the page begins with. */
  function instance(number, parent, place) {
    const element = number ? spare.get(number).cloneNode(true) : spare.get(number);
    element.classList.remove("off");
    const own = [...element.children];
    return {
      number, parent, place, element, view: data.views[number], open: new Map(), moved: false,
      boxes: own.filter((each) => each.classList.contains("b")),
      lines: own.filter((each) => each.classList.contains("l")),
      others: own.filter((each) => !each.classList.contains("b") && !each.classList.contains("l")),
    };
  }

  const root = instance(0, null, 0);
  for (const each of [...picture.children].slice(1)) each.remove();

  /** Where everything of a view is, with what is open in it. */
  function reflow(node) {
    const { view } = node, rows = new Map(), columns = new Map();
    for (const [place, child] of node.open) {
      const [x, y] = view.boxes[place];
      rows.set(y, Math.max(rows.get(y) || 0, child.height + HEAD + RIM - HEIGHT));
      columns.set(x, Math.max(columns.get(x) || 0, child.width + 2 * RIM - WIDTH));
    }
    const sum = (numbers) => [...numbers].reduce((total, each) => total + each, 0);
    const left = sum(columns.values()) / 2;
    const across = (x) => {
      let to = x + left;
      for (const [at, by] of columns) to += x >= at + WIDTH ? by / 2 : x <= at ? -by / 2 : 0;
      return to;
    };
    const down = (y) => {
      let to = y;
      for (const [at, by] of rows) to += y >= at + HEIGHT ? by : 0;
      return to;
    };
    node.width = view.size[0] + 2 * left;
    node.height = view.size[1] + sum(rows.values());
    node.at = view.boxes.map(([x, y], place) => {
      const child = node.open.get(place), middle = across(x + WIDTH / 2), more = rows.get(y) || 0;
      const width = child ? child.width + 2 * RIM : WIDTH, height = child ? child.height + HEAD + RIM : HEIGHT;
      return [middle - width / 2, down(y) + (more + HEIGHT - height) / 2, width, height];
    });
    if (!node.open.size && !node.moved) return; // as the page has it
    node.moved = true;
    drawBoxes(node);
    drawLines(node, across, down);
    drawOthers(node, across, down);
  }

  function drawBoxes(node) {
    node.boxes.forEach((element, place) => {
      const [x, y, width, height] = node.at[place], child = node.open.get(place);
      element.setAttribute("transform", `translate(${x},${y})`);
      if (!child) return;
      const frame = element.querySelector(":scope > .opened > rect");
      frame.setAttribute("width", width);
      frame.setAttribute("height", height);
      child.element.setAttribute("transform", `translate(${x + RIM},${y + HEAD})`);
    });
  }

  function drawLines(node, across, down) {
    node.lines.forEach((element, number) => {
      const [source, target, ...points] = node.view.lines[number];
      const way = points.map(([x, y]) => [across(x), down(y)]);
      if (source >= 0) {
        const [x, y, width, height] = node.at[source], row = down(points[0][1]);
        way.splice(0, 1, [x + width / 2, y + height], [x + width / 2, row]);
      }
      if (target >= 0) {
        const [x, y, width] = node.at[target], [from, top] = points[points.length - 1];
        const end = x + width / 2 + from - node.view.boxes[target][0] - WIDTH / 2;
        way.splice(way.length - 1, 1, [end, down(top)], [end, y]);
      }
      element.setAttribute("d", path(way));
    });
  }

  function path([[x, y], ...rest]) {
    let told = `M${x} ${y}`;
    for (const [toX, toY] of rest) {
      if (toX === x && toY === y) continue;
      const middle = (y + toY) / 2;
      told += toX === x ? `V${toY}` : `C${x} ${middle} ${toX} ${middle} ${toX} ${toY}`;
      [x, y] = [toX, toY];
    }
    return told;
  }

  /** What stands beside boxes and lines: bands of parts, cuts, what is written on them, lines between calls of one layer. */
  function drawOthers(node, across, down) {
    const bands = node.view.bands, edges = [0, ...bands.map(down), node.height];
    let band = 0, cut = 0, title = 0;
    for (const element of node.others) {
      const set = (values) => Object.entries(values).forEach(([key, value]) => element.setAttribute(key, value));
      const kinds = element.classList;
      if (kinds.contains("band")) {
        set({ y: edges[band], width: node.width, height: edges[band + 1] - edges[band] });
        band += 1;
      } else if (kinds.contains("bt")) {
        set({ transform: `translate(0,${edges[title] + (title ? 23 : 14)})` });
        title += 1;
      } else if (kinds.contains("cut")) {
        cut += 1;
        set({ d: `M0 ${edges[cut]}H${node.width}` });
      } else if (element.dataset.at) {
        const [x, y] = element.dataset.at.split(" ").map(Number);
        set({ transform: `translate(${across(x) - x},${down(y) - y})` });
      } else if (element.dataset.between) {
        const [[x, y, width, height], [toX, toY, , toHeight]] = element.dataset.between.split(" ").map((place) => node.at[place]);
        set({ transform: `translate(${(x + width + toX) / 2},${(y + height / 2 + toY + toHeight / 2) / 2})` });
      } else if (element.dataset.pair) {
        const ends = element.dataset.pair.split(" ").map((place) => node.at[place]);
        if (kinds.contains("link")) set({ d: `M${side(ends[0], 1)}L${side(ends[1], 0)}` });
        else set({ d: `M${facing(...ends)}L${facing(ends[1], ends[0])}` });
      }
    }
  }

  /** The middle of a box's left or right edge. */
  function side([x, y, width, height], right) {
    return `${x + right * width} ${y + height / 2}`;
  }

  /** The middle of the edge with which a box looks at another. */
  function facing([x, y, width, height], [toX, toY, toWidth]) {
    if (x + width <= toX || toX + toWidth <= x) return `${toX > x ? x + width : x} ${y + height / 2}`;
    return `${x + width / 2} ${toY > y ? y + height : y}`;
  }

  function settle(node) {
    for (let each = node; each; each = each.parent) reflow(each);
    picture.setAttribute("viewBox", `0 0 ${root.width} ${root.height}`);
    picture.setAttribute("width", root.width * zoom);
    picture.setAttribute("height", root.height * zoom);
    picture.classList.add("settled");
    if (at && !at[0].element.isConnected) at = null;
    sketch();
  }

  function open(node, place) {
    const inside = node.view.boxes[place][2];
    if (!inside || node.open.has(place)) return node.open.get(place);
    const child = instance(inside, node, place);
    node.open.set(place, child);
    node.boxes[place].classList.add("isOpen");
    node.boxes[place].setAttribute("aria-expanded", "true");
    node.element.append(child.element);
    reflow(child);
    return child;
  }

  function close(node, place) {
    const child = node.open.get(place);
    if (!child) return;
    child.element.remove();
    node.open.delete(place);
    node.boxes[place].classList.remove("isOpen");
    node.boxes[place].setAttribute("aria-expanded", "false");
  }

  function found(element) {
    const box = element.closest && element.closest("[data-box]");
    if (!box) return null;
    const place = Number(box.dataset.box.split(".")[1]);
    for (const node of nodes()) if (node.boxes[place] === box) return [node, place];
    return null;
  }

  function nodes() {
    const all = [root];
    for (const node of all) all.push(...node.open.values());
    return all;
  }

  /** Opens or closes a box, which stays where it was on the screen. */
  function toggle(element) {
    const [node, place] = found(element), before = element.getBoundingClientRect();
    if (node.open.has(place)) close(node, place);
    else open(node, place);
    settle(node);
    const after = element.getBoundingClientRect();
    paper.scrollTop += after.top - before.top;
    paper.scrollLeft += after.left + after.width / 2 - before.left - before.width / 2;
    for (const view of crossing) highlight(view);
  }

  /** The box of a place in the data, with all that is around it open. */
  function reveal([view, place]) {
    const way = [[view, place]];
    while (way[0][0]) way.unshift(parents.get(way[0][0]));
    let node = root;
    for (const [, step] of way.slice(0, -1)) node = open(node, step);
    settle(node);
    return node.boxes[place];
  }

  /** The box that is to be seen of it: itself, or the closed one that it is in. */
  function visible([view, place]) {
    const way = [[view, place]];
    while (way[0][0]) way.unshift(parents.get(way[0][0]));
    let node = root;
    for (const [, step] of way.slice(0, -1)) {
      if (!node.open.has(step)) return node.boxes[step];
      node = node.open.get(step);
    }
    return node.boxes[place];
  }

  // ------------------------------------------------------------------ the whole, small

  const map = byId("map"), SMALL = 110;

  /** Every box that is to be seen as a spot of its colour, and the frame of what is on the screen. */
  function sketch() {
    const [wide, high] = [paper.clientWidth, paper.clientHeight];
    map.hidden = root.width * zoom <= wide && root.height * zoom <= 1.5 * high;
    if (map.hidden) return;
    const by = Math.min(SMALL / root.width, high * 0.6 / root.height), dots = devicePixelRatio || 1;
    map.width = Math.max(root.width * by, 24) * dots;
    map.height = root.height * by * dots;
    map.style.setProperty("width", `${map.width / dots}px`);
    map.style.setProperty("height", `${map.height / dots}px`);
    const paint = map.getContext("2d");
    paint.scale(by * dots, by * dots);
    spots(paint, root, 0, 0, 1.5 / by);
    const edge = picture.getBoundingClientRect(), view = paper.getBoundingClientRect();
    const left = Math.max(view.left - edge.left, 0) / zoom, top = Math.max(view.top - edge.top, 0) / zoom;
    const right = Math.min((view.left - edge.left + wide) / zoom, root.width);
    const frame = [left, top, right - left, Math.min((view.top - edge.top + high) / zoom, root.height) - top];
    paint.fillStyle = "#e11d4822";
    paint.fillRect(...frame);
    paint.strokeStyle = "#e11d48";
    paint.lineWidth = 2 / by;
    paint.strokeRect(...frame);
  }

  function spots(paint, node, left, top, least) {
    node.at.forEach(([x, y, width, height], place) => {
      const child = node.open.get(place);
      if (child) spots(paint, child, left + x + RIM, top + y + HEAD, least);
      else {
        const box = node.boxes[place], crosses = box.classList.contains("gives");
        paint.fillStyle = crosses ? "#e11d48" : colourOf(box);
        paint.fillRect(crosses ? 0 : left + x, top + y, crosses ? root.width : width, Math.max(height, least));
      }
    });
  }

  const colours = new Map();

  /** Of the edge of a box: what its classes give it. */
  function colourOf(box) {
    const kind = box.getAttribute("class");
    if (!colours.has(kind)) colours.set(kind, getComputedStyle(box.querySelector(".k")).fill);
    return colours.get(kind);
  }

  function travel(event) {
    const { left, top, width, height } = map.getBoundingClientRect();
    const across = (event.clientX - left) / width * root.width * zoom, down = (event.clientY - top) / height * root.height * zoom;
    const edge = picture.getBoundingClientRect(), view = paper.getBoundingClientRect();
    paper.scrollLeft += edge.left - view.left + across - paper.clientWidth / 2;
    paper.scrollTop += edge.top - view.top + down - paper.clientHeight / 2;
  }

  map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); travel(event); });
  map.addEventListener("pointermove", (event) => { if (event.buttons) travel(event); });
  let due = 0;
  function sketchSoon() {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(sketch);
  }
  paper.addEventListener("scroll", sketchSoon);
  window.addEventListener("resize", sketchSoon);

  // ------------------------------------------------------------------ mouse and keys

  const listed = (list, texts) => list.replaceChildren(...texts.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));

  function pick(element) {
    for (const each of picture.querySelectorAll(".picked")) each.classList.remove("picked");
    element.classList.add("picked");
    at = found(element);
    const [name, ...facts] = element.querySelector(":scope > title").textContent.split(" · ");
    byId("about").textContent = name;
    listed(byId("details"), facts);
    byId("cut-here").hidden = placeOf(at) < 0;
  }

  function unpick() {
    for (const each of picture.querySelectorAll(".picked")) each.classList.remove("picked");
    unmark();
    byId("found").hidden = byId("cut-here").hidden = true;
    at = null;
  }

  /** From box to box: along the lines, and beside each other. Into what is open, and out of it again. */
  function step(key) {
    let [node, place] = at || [root, -1];
    const down = key === "ArrowDown";
    if (place < 0) return arrive(root, 0, true);
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const way = key === "ArrowLeft" ? -1 : 1, [x, y] = node.view.boxes[place];
      const beside = node.view.boxes.map(([toX, toY], to) => [(toX - x) * way, toY, to])
        .filter(([far, toY]) => far > 0 && toY === y).sort(([one], [other]) => one - other);
      return beside.length ? arrive(node, beside[0][2], true) : null;
    }
    for (; node; [node, place] = [node.parent, node.place]) {
      const next = node.view.lines.filter((line) => line[down ? 0 : 1] === place).map((line) => line[down ? 1 : 0])
        .filter((to) => to >= 0);
      if (next.length) return arrive(node, next[0], down);
    }
    return null;
  }

  function arrive(node, place, down) {
    for (let child = node.open.get(place); child; child = node.open.get(place)) {
      [node, place] = [child, down ? 0 : child.boxes.length - 1];
    }
    pick(node.boxes[place]);
    node.boxes[place].scrollIntoView({ block: "nearest", inline: "nearest" });
    return null;
  }

  picture.addEventListener("click", (event) => {
    const box = event.target.closest("[data-box]"), rule = event.target.closest(".rule");
    if (rule) {
      byId("about").textContent = "What became of it";
      listed(byId("details"), rule.querySelector("title").textContent.split("; "));
    }
    const part = !box && event.target.closest(".bt, .band");
    if (part) {
      const alike = [...picture.querySelectorAll(part.classList.contains("bt") ? ".bt" : ".band")];
      const [file, ...facts] = data.parts[alike.indexOf(part)];
      unpick();
      byId("about").textContent = file;
      listed(byId("details"), facts);
    }
    if (!box) return;
    pick(box);
    if (box.hasAttribute("aria-expanded")) toggle(box);
  });

  picture.addEventListener("keydown", (event) => {
    const box = event.target.closest("[data-box]");
    if (!box || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation();
    pick(box);
    toggle(box);
  });

  function unfold() {
    const closed = nodes().flatMap((node) => node.view.boxes.map(([, , inside], place) => [node, place, inside]))
      .filter(([node, place, inside]) => inside && !node.open.has(place));
    for (const [node, place] of closed.slice(0, 400)) open(node, place);
    for (const node of nodes().reverse()) reflow(node);
    settle(root);
  }

  function fold() {
    for (const place of [...root.open.keys()]) close(root, place);
    settle(root);
  }

  function scale(by) {
    zoom = Math.min(Math.max(zoom * by, 0.1), 4);
    settle(root);
  }

  byId("unfold").addEventListener("click", unfold);
  byId("fold").addEventListener("click", fold);
  byId("larger").addEventListener("click", () => scale(1.25));
  byId("smaller").addEventListener("click", () => scale(0.8));
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof Element && event.target.matches("input, select, #curve, #found *")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "/": () => byId("search").focus(), "+": () => scale(1.25), "-": () => scale(0.8), u: unfold, f: fold, Escape: unpick,
      Enter: () => { if (at && at[0].view.boxes[at[1]][2]) toggle(at[0].boxes[at[1]]); },
    }[event.key] || (event.key.startsWith("Arrow") && (() => step(event.key)));
    if (!act || (event.key === "Enter" && event.target.closest("button"))) return;
    event.preventDefault();
    act();
  });

  // ------------------------------------------------------------------ search

  let index = null;

  function indexed() {
    const entries = [];
    for (const [number, element] of spare) {
      for (const box of element.children) {
        if (!box.dataset.box) continue;
        const place = Number(box.dataset.box.split(".")[1]);
        const text = data.views[number].path + box.querySelector(":scope > title").textContent;
        entries.push({ text, low: text.toLowerCase(), at: [number, place] });
      }
    }
    return entries;
  }

  function show(place) {
    const box = reveal(place);
    pick(box);
    box.scrollIntoView({ block: "center", inline: "center" });
  }

  byId("search").addEventListener("input", () => {
    index = index || indexed();
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length ? index.filter(({ low }) => words.every((word) => low.includes(word))).slice(0, 60) : [];
    byId("found").replaceChildren(...hits.map(({ text, at }) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => { byId("found").hidden = true; show(at); });
      item.append(button);
      return item;
    }));
    byId("found").hidden = !hits.length;
  });

  byId("search").addEventListener("keydown", (event) => {
    const first = byId("found").querySelector("button");
    if (event.key === "Escape") { byId("found").hidden = true; byId("search").blur(); }
    if (event.key === "Enter" && first) first.click();
    if (event.key === "ArrowDown" && first) { event.preventDefault(); first.focus(); }
  });

  byId("found").addEventListener("keydown", (event) => {
    const item = event.target.closest("li");
    const next = { ArrowDown: item && item.nextElementSibling, ArrowUp: item && item.previousElementSibling }[event.key];
    if (event.key === "Escape") { byId("found").hidden = true; byId("search").focus(); }
    if (next) { event.preventDefault(); next.firstChild.focus(); }
  });

  // ------------------------------------------------------------------ what a difference marks, what crosses a cut

  const MOST_POINTS = 300, FEW = 4;

  /** Texts, each a button that leads to what it tells of. */
  function rows(list, found) {
    list.replaceChildren(...found.slice(0, MOST_POINTS).map(([text, find]) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => find().scrollIntoView({ block: "center", inline: "center" }));
      item.append(button);
      return item;
    }));
  }

  function pointed() {
    const cut = [...picture.querySelectorAll(".onCut")].map((each) => [each.textContent, () => each]);
    const said = (each) => each.querySelector(":scope > title").textContent;
    const boxes = (kinds, tell) => [...spare].flatMap(([number, view]) => [...view.children].filter((each) => each.matches(kinds))
      .map((each) => [each, [Number(number), Number(each.dataset.box.split(".")[1])]])
      .map(([each, place]) => [tell(each, data.views[number].path + said(each).split(" · ")[0]), place,
        () => { const box = reveal(place); pick(box); return box; }]));
    const marked = boxes(".b.added, .b.gone, .b.changed",
      (each, name) => `${["added", "gone", "changed"].find((mark) => each.classList.contains(mark))}: ${name}`)
      .filter(([, [number, place]]) => !data.views[number].boxes[place][2]).map(([text, , find]) => [text, find]);
    const hazards = boxes(".b.hazard", (each, name) => `${name}: ${said(each).split(" · hazard: ").slice(1).join(": ")}`)
      .map(([text, , find]) => [text, find]);
    const rules = [...picture.querySelectorAll(".rule")].map((each) =>
      [`${said(root.boxes[Number(each.dataset.between.split(" ")[0])]).split(" · ")[0]}: ${said(each)}`, () => each]);
    const [heading, all] = [["What crosses", cut], ["What differs", marked], ["What was converted", rules]]
      .find(([, each]) => each.length) || ["", []];
    byId("points").hidden = !all.length;
    byId("points").firstElementChild.textContent = heading;
    rows(byId("pointed"), all);
    const folded = byId("hazards").firstElementChild;
    byId("hazards").hidden = !hazards.length;
    folded.firstElementChild.textContent = hazards.length === 1 ? "1 hazard" : `${hazards.length} hazards`;
    folded.open = hazards.length <= FEW && !all.length;
    rows(byId("dangers"), hazards);
    return cut.length ? cut[0][1]() : picture.querySelector(".b.added, .b.gone, .b.changed");
  }

  // ------------------------------------------------------------------ places to cut at

  const curve = byId("curve"), chosen = new Set();
  const bars = curve ? [...curve.querySelectorAll(".bar")] : [];
  let here = -1, crossing = [];

  function highlight(place) {
    visible(place).classList.add("gives");
  }

  function point(number) {
    if (here >= 0) bars[here].classList.remove("here");
    unmark();
    here = Math.min(Math.max(number, 0), bars.length - 1);
    const place = data.places[here];
    bars[here].classList.add("here");
    crossing = place.boxes;
    for (const each of crossing) highlight(each);
    listed(byId("place"), place.said);
    curve.setAttribute("aria-valuenow", here + 1);
    curve.setAttribute("aria-valuetext", place.said.join(", "));
  }

  function choose(number) {
    if (chosen.has(number)) chosen.delete(number);
    else {
      chosen.add(number);
      lead();
    }
    byId("stages").value = "";
    told();
  }

  /** Brings what crosses here onto the screen, if it is not there. */
  function lead() {
    if (!crossing.length) return;
    const box = visible(crossing[0]).getBoundingClientRect(), room = paper.getBoundingClientRect();
    if (box.top < room.top || box.bottom > room.bottom) paper.scrollTop += box.top - room.top - paper.clientHeight / 2;
  }

  /** The place that a box stands at: the one that its own name cuts at, or the first that it gives a tensor to. */
  function placeOf([node, place]) {
    if (!curve) return -1;
    const name = node.view.path + node.boxes[place].querySelector(":scope > title").textContent.split(" · ")[0];
    const own = data.places.findIndex(({ said }) => said[0] === name);
    const gives = ({ boxes }) => boxes.some(([view, each]) => view === node.number && each === place);
    return own < 0 ? data.places.findIndex(gives) : own;
  }

  function unmark() {
    for (const each of picture.querySelectorAll(".gives")) each.classList.remove("gives");
    sketchSoon();
  }

  function staged() {
    const chain = data.stages[byId("stages").value];
    chosen.clear();
    told();
    unmark();
    listed(byId("staged"), chain ? chain.said : []);
    if (!chain) return;
    crossing = chain.boxes;
    for (const each of crossing) highlight(each);
    byId("command").textContent = [data.command, chain.option, "--out parts"].join(" ");
    byId("chosen").hidden = false;
  }

  function told() {
    bars.forEach((bar, number) => bar.classList.toggle("cutHere", chosen.has(number)));
    const cuts = [...chosen].sort((one, other) => one - other).map((number) => data.places[number].option);
    byId("command").textContent = [data.command, ...cuts, "--out parts"].join(" ");
    byId("chosen").hidden = !cuts.length;
  }

  /** What is shown is what is computed with: three digits, as one gives them to `configsplit cuts`. */
  const speed = (id) => Number((10 ** Number(byId(id).value)).toPrecision(3));
  const rounded = (number, unit) => {
    const step = Math.min(Math.floor(Math.log10(number) / 3), 4);
    return `${Number((number / 1000 ** step).toPrecision(3))} ${["", "k", "M", "G", "T"][step]}${unit}`;
  };
  const milliseconds = (seconds) => `${Number((seconds * 1000).toPrecision(4))} ms`;
  let best = -1;

  /** The place with the least time from input to output: first device, link, second device; beside it the ways of not cutting. */
  function ranked() {
    const [head, tail, link] = ["head-speed", "tail-speed", "link"].map(speed);
    const timed = ([first, bytes, second]) => first / head + bytes / link + second / tail;
    const seconds = data.places.map(({ time }) => timed(time)), uncut = data.uncut.map(timed);
    best = seconds.indexOf(Math.min(...seconds));
    byId("head-speed").nextElementSibling.textContent = rounded(head, "MAC/s");
    byId("tail-speed").nextElementSibling.textContent = rounded(tail, "MAC/s");
    byId("link").nextElementSibling.textContent = rounded(link, "B/s");
    byId("best").textContent = `${data.places[best].said[0]}: ${milliseconds(seconds[best])}`;
    const told = Math.min(...uncut) <= seconds[best] ? " Not cutting is no slower here." : "";
    byId("uncut").textContent = `Not cut: ${milliseconds(uncut[0])} on the second alone, ${milliseconds(uncut[1])} on the first.${told}`;
  }

  if (curve) {
    const under = (event) => {
      const { left, width } = curve.getBoundingClientRect();
      return Math.floor((event.clientX - left) / width * bars.length);
    };
    curve.addEventListener("pointermove", (event) => point(under(event)));
    curve.addEventListener("click", (event) => { point(under(event)); choose(here); });
    curve.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: -10, PageUp: 10, Home: -1e6, End: 1e6 };
      if (event.key in steps) { event.preventDefault(); point(here + steps[event.key]); }
      if ((event.key === "Enter" || event.key === " ") && here >= 0) { event.preventDefault(); choose(here); }
    });
    for (const id of ["head-speed", "tail-speed", "link"]) byId(id).addEventListener("input", ranked);
    byId("best").addEventListener("click", () => { point(best); choose(best); });
    byId("cut-here").addEventListener("click", () => { point(placeOf(at)); choose(here); });
    byId("clear").addEventListener("click", () => { byId("stages").value = ""; staged(); });
    byId("stages").append(...Object.keys(data.stages).map((count) => new Option(count, count)));
    byId("stages").addEventListener("change", staged);
    byId("pipeline").hidden = !Object.keys(data.stages).length;
    byId("copy").addEventListener("click", () => {
      const selection = getSelection();
      selection.selectAllChildren(byId("command"));
      if (navigator.clipboard) navigator.clipboard.writeText(byId("command").textContent).catch(() => {});
    });
    ranked();
  }
  byId("places").hidden = !document.querySelector("#places #curve, #places > p.quiet");
  byId("devices").hidden = !curve;
  byId("pipeline").hidden = !Object.keys(data.stages).length;

  // ------------------------------------------------------------------ as it is opened

  const first = new Set(data.opened);
  for (let level = 0; level < 64; level += 1) {
    const more = nodes().flatMap((node) => node.view.boxes.map(([, , inside], place) => [node, place, inside]))
      .filter(([node, place, inside]) => first.has(inside) && !node.open.has(place));
    if (!more.length) break;
    for (const [node, place] of more) open(node, place);
  }
  for (const node of nodes().reverse()) reflow(node);
  function fit() {
    map.hidden = root.height <= 1.5 * paper.clientHeight;
    zoom = Math.min(Math.max((paper.clientWidth - 34) / root.width, 0.55), 1); // less its padding and a scroll bar
    settle(root);
  }
  fit();
  if (!paper.clientWidth) window.addEventListener("resize", fit, { once: true }); // a frame that is closed yet, as in notebooks
  paper.scrollLeft = (paper.scrollWidth - paper.clientWidth) / 2;
  const begin = pointed();
  if (begin) paper.scrollTop += begin.getBoundingClientRect().top - paper.getBoundingClientRect().top - paper.clientHeight / 2;
})();
