"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const LEFT = 56, RIGHT = 14, GAP = 26, BOTTOM = 22, LANE = 33;
  const text = (value, places) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const shown = value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    return (Number(shown.replace(/,/g, "")) === 0 ? shown.replace("-", "") : shown).replace("-", "−");
  };
  const signed = words => words.replace(/^-/, "−");
  const brief = value => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e15)) return signed(value.toExponential(2));
    return text(value, Math.max(0, 2 - Math.floor(Math.log10(size || 1))));
  };
  const howMany = value => signed((value < 1000 ? Number(value.toPrecision(3)) : Math.round(value)).toLocaleString("en-US"));
  const retrains = value => `${howMany(value)} retrain${value === 1 ? "" : "s"}`;
  const tickText = value => {
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e15)) return signed(Number(value.toPrecision(6)).toExponential().replace("e+", "e"));
    const [scale, letter] = [[1e12, "T"], [1e9, "B"], [1e6, "M"]].find(([least]) => size >= least) || [1, ""];
    return signed((value / scale).toLocaleString("en-US", { maximumSignificantDigits: 6 })) + letter;
  };
  const niceTicks = (low, high, most) => {
    const rough = (high - low) / most;
    if (!(rough >= 2.3e-308 && rough < Infinity)) return [low];
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= rough) || 10 * power;
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= Math.floor(high / step + 1e-9); k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  };

  class Picture {
    constructor(figure, chart) {
      this.figure = figure; this.chart = chart; this.canvas = figure.querySelector(".canvas");
      this.svg = this.canvas.querySelector("svg"); this.named = [...this.svg.querySelectorAll("title, desc")];
      this.last = Math.max(chart.labels.length - 1, 1); this.from = 0; this.to = this.last; this.at = null;
      this.canvas.classList.add("live");
      this.tools(); this.legend(); this.listen();
      new ResizeObserver(() => this.draw()).observe(this.canvas);
      this.draw();
    }
    make(kind, attributes, words) {
      const made = document.createElementNS(this.svg.namespaceURI, kind);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      if (words !== undefined) made.textContent = words;
      this.svg.append(made);
      return made;
    }
    x(place) { return LEFT + (this.width - LEFT - RIGHT) * (place - this.from) / (this.to - this.from); }
    place(x) { return this.from + (x - LEFT) / (this.width - LEFT - RIGHT) * (this.to - this.from); }
    draw() {
      this.width = Math.max(this.canvas.clientWidth, 240);
      this.height = this.chart.panels.reduce((sum, panel) => sum + panel.height + GAP, BOTTOM);
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.svg.replaceChildren(...this.named);
      let top = GAP;
      for (const panel of this.chart.panels) { this.panel(panel, top); top += panel.height + GAP; }
      this.ticks(top - GAP);
      this.cross = this.make("path", { class: "cross" });
      this.range = this.make("rect", { class: "chosen", y: GAP, height: this.height - GAP - BOTTOM, width: 0 });
      if (this.at !== null) this.point(this.at);
    }
    inside(place) { return place >= this.from - 1e-9 && place <= this.to + 1e-9; }
    panel(panel, top) {
      const bottom = top + panel.height;
      this.make("text", { class: "title", x: LEFT, y: top - 8 }, panel.title);
      for (const place of this.chart.upright) if (this.inside(place + .5))
        this.make("path", { class: "upright", d: `M${this.x(place + .5)} ${top}V${bottom}` });
      panel.lanes.forEach((lane, k) => this.lane(lane, top + LANE * k));
      if (panel.lanes.length) return;
      const shown = panel.lines.filter(line => line.drawn);
      const seen = shown.flatMap(line => [line.values, line.low || [], line.high || []]
        .flatMap(side => side.filter((value, k) => value !== null && this.inside(k))));
      if (panel.level !== null) seen.push(panel.level);
      let low = seen.length ? Math.min(...seen) : 0, high = seen.length ? Math.max(...seen) : 1;
      const pad = .04 * (high - low) || .5 * Math.abs(high) || 1;
      low -= pad; high += pad;
      const y = value => bottom - (value - low) / (high - low) * (bottom - top);
      for (const tick of niceTicks(low, high, 5)) {
        this.make("path", { class: tick === panel.level ? "grid level" : "grid", d: `M${LEFT} ${y(tick)}H${this.width - RIGHT}` });
        this.make("text", { class: "tick end", x: LEFT - 6, y: y(tick) + 4 }, tickText(tick));
      }
      for (const line of shown) this.line(line, y);
    }
    line(line, y) {
      const first = Math.ceil(this.from - 1e-9), end = Math.min(Math.floor(this.to + 1e-9), this.chart.labels.length - 1), places = [];
      for (let k = first; k <= end; k++) places.push(k);
      if (line.low) {
        const known = places.filter(k => line.low[k] !== null && line.high[k] !== null);
        const side = (values, list) => list.map(k => `${this.x(k)} ${y(values[k])}`);
        if (known.length) this.make("path", { class: `band ${line.style}`,
          d: `M${[...side(line.high, known), ...side(line.low, [...known].reverse())].join("L")}Z` });
      }
      let pen = "M", path = "";
      for (const k of places) {
        if (line.values[k] !== null) path += `${pen}${this.x(k)} ${y(line.values[k])}`;
        pen = line.values[k] !== null ? "L" : "M";
      }
      if (path) this.make("path", { class: `line ${line.style}`, d: path });
      for (const [list, kind, r] of [[line.dots, "dot", 3.2], [line.doubtful, "doubtful", 2.6]])
        for (const k of list) if (this.inside(k) && line.values[k] !== null)
          this.make("circle", { class: `${kind} ${line.style}`, cx: this.x(k), cy: y(line.values[k]), r });
    }
    lane(lane, top) {
      const base = top + LANE - 3;
      this.make("text", { class: "lane", x: LEFT, y: base - 16 }, lane.name);
      this.make("path", { class: "grid", d: `M${LEFT} ${base}H${this.width - RIGHT}` });
      for (const [place, share] of lane.marks) if (this.inside(place))
        this.make("path", { class: `mark ${lane.style}`, d: `M${this.x(place)} ${base}v${-2 - 10 * share}` });
    }
    ticks(bottom) {
      const longest = Math.max(...this.chart.labels.map(label => label.length)) * 7 + 18;
      const first = Math.ceil(this.from), end = Math.min(Math.floor(this.to), this.chart.labels.length - 1), room = Math.max(1, Math.floor((this.width - LEFT) / longest));
      const step = Math.max(1, Math.ceil((end - first + 1) / Math.min(8, room)));
      for (let k = first; k <= end; k += step) if (this.x(k) < this.width - longest / 3 || k === first)
        this.make("text", { class: "tick middle", x: this.x(k), y: bottom + 16 }, this.chart.labels[k]);
    }
    point(place) {
      this.at = place;
      if (!this.tip) {
        this.tip = document.createElement("div"); this.tip.className = "tip"; this.tip.setAttribute("role", "status");
        this.canvas.append(this.tip);
      }
      const head = document.createElement("b"); head.textContent = this.chart.labels[place];
      const rows = this.chart.panels.flatMap(panel => panel.lines.filter(line => line.drawn).map(line => {
        const row = document.createElement("div");
        row.textContent = `${line.name || panel.title}: ${brief(line.values[place])}`;
        return row;
      }));
      this.tip.replaceChildren(head, ...rows); this.tip.hidden = false;
      const x = this.x(place);
      this.cross.setAttribute("d", this.inside(place) ? `M${x} ${GAP}V${this.height - BOTTOM}` : "");
      const scale = this.canvas.clientWidth / this.width;
      this.tip.style.left = `${Math.max(0, x * scale > this.canvas.clientWidth / 2 ? x * scale - this.tip.offsetWidth - 10 : x * scale + 10)}px`;
    }
    leave() { this.at = null; if (this.tip) this.tip.hidden = true; this.cross.setAttribute("d", ""); }
    zoom(from, to) {
      const least = Math.min(4, this.last), span = Math.min(this.last, Math.max(least, to - from));
      this.from = Math.max(0, Math.min(from, this.last - span)); this.to = this.from + span;
      this.draw();
    }
    step(factor) {
      const middle = this.at === null ? (this.from + this.to) / 2 : this.at, half = (this.to - this.from) * factor / 2;
      this.zoom(middle - half, middle + half);
    }
    tools() {
      const bar = document.createElement("div"); bar.className = "tools";
      const button = (words, does) => {
        const made = document.createElement("button"); made.type = "button"; made.textContent = words;
        made.addEventListener("click", does); bar.append(made);
      };
      button("Zoom in", () => this.step(.5)); button("Zoom out", () => this.step(2));
      button("Whole", () => this.zoom(0, this.last));
      this.canvas.before(bar);
      this.canvas.tabIndex = 0; this.canvas.setAttribute("role", "group");
      this.canvas.setAttribute("aria-label", `${this.named[0].textContent}. Arrow keys read the values, plus and minus zoom.`);
    }
    legend() {
      for (const item of this.figure.querySelectorAll(".legend li")) {
        const key = JSON.parse(item.dataset.key), lines = this.chart.panels.flatMap(panel => panel.lines).filter(line => line.key === key);
        if (!key || !lines.length) continue;
        const button = document.createElement("button"); button.type = "button"; button.append(...item.childNodes);
        button.setAttribute("aria-pressed", String(lines[0].drawn));
        button.addEventListener("click", () => {
          for (const line of lines) line.drawn = !line.drawn;
          button.setAttribute("aria-pressed", String(lines[0].drawn));
          this.draw();
        });
        item.hidden = false; item.append(button);
      }
    }
    listen() {
      let start = null;
      const at = event => {
        const box = this.svg.getBoundingClientRect();
        return this.place((event.clientX - box.left) * this.width / box.width);
      };
      const near = place => Math.max(0, Math.min(this.last, Math.round(place)));
      this.canvas.addEventListener("pointerdown", event => { if (event.button === 0) start = at(event); });
      this.canvas.addEventListener("pointermove", event => {
        const place = at(event);
        if (start !== null) {
          const sides = [this.x(start), this.x(place)].sort((a, b) => a - b);
          this.range.setAttribute("x", sides[0]); this.range.setAttribute("width", sides[1] - sides[0]);
        }
        if (near(place) < this.chart.labels.length) this.point(near(place));
      });
      window.addEventListener("pointerup", event => {
        if (start === null) return;
        const end = at(event), moved = Math.abs(this.x(end) - this.x(start));
        const [from, to] = [start, end].sort((a, b) => a - b);
        start = null; this.range.setAttribute("width", 0);
        if (moved > 12) this.zoom(from, to);
      });
      this.canvas.addEventListener("pointercancel", () => { start = null; this.range.setAttribute("width", 0); });
      this.canvas.addEventListener("pointerleave", () => this.leave());
      this.canvas.addEventListener("dblclick", () => this.zoom(0, this.last));
      this.canvas.addEventListener("blur", () => this.leave());
      this.canvas.addEventListener("keydown", event => {
        const now = this.at === null ? Math.round(this.from) : this.at, size = this.chart.labels.length;
        const does = { ArrowRight: () => this.point(Math.min(size - 1, now + 1)), ArrowLeft: () => this.point(Math.max(0, now - 1)),
          Home: () => this.point(0), End: () => this.point(size - 1), "+": () => this.step(.5), "-": () => this.step(2),
          Escape: () => { this.leave(); this.zoom(0, this.last); } }[event.key];
        if (does && event.target === this.canvas) { event.preventDefault(); does(); }
      });
    }
  }

  const pictures = {};
  for (const figure of document.querySelectorAll("figure[data-chart]"))
    if (page.charts[figure.dataset.chart]) pictures[figure.dataset.chart] = new Picture(figure, page.charts[figure.dataset.chart]);

  const stops = page.whatIf, table = document.getElementById("bills");
  if (stops && table) {
    const cost = document.getElementById("what-if-cost"), calendar = document.getElementById("what-if-calendar");
    const rows = [...table.querySelectorAll("tbody tr")], drawn = rows.map(row => [...row.querySelectorAll("[data-what]")].map(cell => [cell, cell.innerHTML, cell.dataset.value]));
    const names = rows.map(row => row.querySelector("th bdi")), called = names.map(name => name.textContent);
    const idle = table.querySelector(".idle"), asIdle = idle && idle.textContent, wasHidden = rows.map(row => row.hidden);
    const of = (what, name, i, j) => name === stops.benchmark && j > 0
      ? stops[`calendar_${what}`][i][j - 1] : stops[what][i][stops.policies.indexOf(name)];
    const show = () => {
      const i = cost ? Number(cost.value) : stops.base, j = Number(calendar.value), base = i === stops.base && j === 0;
      for (const [slider, words] of [[cost, stops.costTexts[i]], [calendar, stops.calendarTexts[j]]]) if (slider) {
        slider.setAttribute("aria-valuetext", words); document.getElementById(`${slider.id}-now`).textContent = words;
      }
      const against = of("total", stops.benchmark, i, j), resting = [];
      rows.forEach((row, k) => {
        const name = stops.policies[row.dataset.place], own = name === stops.benchmark;
        const values = Object.fromEntries(["retrains", "regret", "total"].map(what => [what, of(what, name, i, j)]));
        values.difference = values.total - against;
        names[k].textContent = own && j > 0 ? `calendar, ${stops.calendarTexts[j]}` : called[k];
        for (const [cell, html, value] of drawn[k]) {
          if (base) { cell.innerHTML = html; if (value !== undefined) cell.dataset.value = value; continue; }
          const what = cell.dataset.what;
          if (what === "interval") { cell.textContent = "–"; continue; }
          cell.dataset.value = values[what];
          const shown = text(values[what], stops.decimals[i]), sign = what === "difference" && values[what] > 0 && /[1-9]/.test(shown) ? "+" : "";
          const words = what === "retrains" ? howMany(values[what]) : own && what === "difference" ? "–" : sign + shown;
          if (what === "total") { const bold = document.createElement("b"); bold.textContent = words; cell.replaceChildren(bold); }
          else cell.textContent = words;
        }
        const rests = base ? wasHidden[k] : values.retrains === 0 && !own && row.className === "" && name !== "never";
        row.hidden = rests;
        if (rests) resting.push(called[k]);
      });
      for (const tag of table.querySelectorAll(".tag")) tag.hidden = !base
        && (tag.textContent !== "decides today" || stops.policies[tag.closest("tr").dataset.place] !== stops.deciders[i]);
      const named = resting.length > 1 ? `${resting.slice(0, -1).join(", ")} and ${resting.at(-1)}` : resting[0];
      if (idle) idle.textContent = base ? asIdle : resting.length ? `and so did ${named}, which never saw reason to` : "";
      const rivals = stops.policies.filter(name => name !== stops.benchmark && name !== stops.hindsight).map(name => of("total", name, i, j));
      const least = against < Math.min(...rivals) ? ": less than any other here" : "";
      const other = j > 0 ? ` A calendar that retrains ${stops.calendarTexts[j]} would have cost ${brief(against)} ${stops.unit}, with ${retrains(of("retrains", stops.benchmark, i, j))}${least}.` : "";
      document.getElementById("what-if-said").textContent = stops.said[i] + other;
      redraw(i, j);
    };
    const redraw = (i, j) => {
      const picture = pictures.bill;
      if (!picture) return;
      for (const panel of picture.chart.panels) {
        for (const part of [...panel.lines, ...panel.lanes]) {
          const own = part.key === stops.benchmark && j > 0, k = stops.policies.indexOf(part.key);
          const marks = own ? stops.calendar_marks[j - 1] : stops.marks[i][k];
          if (part.values) part.values = own ? stops.calendar_bills[i][j - 1] : stops.bills[i][k];
          if (part.values && page.single) part.dots = marks.map(mark => mark[0]);
          if (part.marks) part.marks = marks;
        }
      }
      picture.draw();
    };
    for (const slider of [cost, calendar]) if (slider) slider.addEventListener("input", show);
    document.getElementById("what-if-reset").addEventListener("click", () => {
      if (cost) cost.value = stops.base;
      calendar.value = 0; show();
    });
    document.querySelector(".what-if").hidden = false;
    show();
  }
  window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details:not([open])")) { part.open = true; part.dataset.shut = ""; } });
  window.addEventListener("afterprint", () => { for (const part of document.querySelectorAll("details[data-shut]")) { part.open = false; delete part.dataset.shut; } });
})();
