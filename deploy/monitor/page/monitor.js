"use strict";
const SVG = "http://www.w3.org/2000/svg", ACTIONS = ["accept", "review", "reject"], PANES = 6;
const STATES = { alarm: "alarm", in_band: "in band", few: "few decisions", quiet: "quiet", no_band: "no band" };
const CAUSES = {
  complete: "complete", end: "ended", idle: "went quiet", max_age: "too old", early: "early", memory: "memory",
  reopened: "reopened", truncated: "cut by retention",
};
const WHY = { below: "below its band", above: "above its band", within: "back in its band", quiet: "no decisions any more" };
const SHOWN_REJECTS = 12, EVERY = 2000;
let seen = "", failures = 0;

// ---- small helpers: text is always set as text, for it is a producer's -------------------------------------------
const byId = (id) => document.getElementById(id);
function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}
function draw(name, attributes = {}, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const percent = (share) => (share === null ? "–" : `${(share * 100).toFixed(share > 0 && share < 1 ? 1 : 0)} %`);
const whole = (share) => `${+(share * 100).toFixed(1)}`;
const fixed = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
const words = (code) => String(code).replaceAll("_", " ");
const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}
const band = (group) => group.expected_pass_rate;
const named = (one) => `${one.source} · ${one.kind}`;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// ---- a source's chart: the pass rate of the window that each pane ends, over decisions in each pane ---------------
function firstPane(tables) {
  let first = Infinity;
  for (const group of tables.groups)
    for (const action of ACTIONS) {
      const found = group.series[action].findIndex((count) => count > 0);
      if (found >= 0) first = Math.min(first, found);
    }
  const length = tables.groups[0].series.accept.length;
  return Math.max(0, Math.min(first, length - 2 * PANES));
}
function rates(series) {
  const totals = series.accept.map((count, i) => count + series.review[i] + series.reject[i]);
  return totals.map((_, i) => {
    const from = Math.max(0, i - PANES + 1), n = sum(totals.slice(from, i + 1));
    return n ? sum(series.accept.slice(from, i + 1)) / n : null;
  });
}
function chartWidth() {  // of the cards' insides, in pixels, so that text is not stretched
  const all = byId("groups").clientWidth, columns = Math.max(1, Math.floor((all + 16) / (384 + 16)));
  return Math.max(200, (all - 16 * (columns - 1)) / columns - 34);
}
function chart(tables, group, first, W) {
  const H = 136, left = 30, right = 4, top = 6, rateH = 84, barTop = 98, barH = 22;
  const count = group.series.accept.length - first, step = (W - left - right) / count;
  const x = (pane) => left + (pane - first) * step, y = (rate) => top + (1 - rate) * rateH;
  const at = (ms) => Math.min(W - right, Math.max(left, left + ((ms - tables.view_start) / tables.pane_ms - first) * step));
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img" });
  const line = rates(group.series);
  const lastRate = line[line.length - 1];
  svg.setAttribute("aria-label", `Pass rate of ${named(group)}: now ${percent(lastRate)}`);
  if (band(group)) {
    const { low, high } = band(group);
    svg.append(draw("rect", { class: "band", x: left, width: W - left - right, y: y(high), height: Math.max(1, y(low) - y(high)) }));
  }
  for (const [from, to] of troubled(tables, group))
    svg.append(draw("rect", { class: "bad", x: at(from), width: Math.max(1, at(to) - at(from)), y: top, height: rateH }));
  for (const share of [0, 0.5, 1]) {
    svg.append(draw("line", { class: "grid", x1: left, x2: W - right, y1: y(share), y2: y(share) }));
    svg.append(draw("text", { x: left - 4, y: y(share) + 3.5, "text-anchor": "end" }, `${share * 100}%`));
  }
  let path = "", pen = false;
  line.forEach((rate, pane) => {
    if (pane < first) return;
    if (rate === null) { pen = false; return; }
    path += `${pen ? "L" : "M"}${(x(pane) + step).toFixed(1)} ${y(rate).toFixed(1)}`;
    pen = true;
  });
  svg.append(draw("path", { class: "line", d: path }));
  if (lastRate !== null) svg.append(draw("circle", { class: "dot", cx: W - right, cy: y(lastRate), r: 3.2 }));
  const most = Math.max(1, ...group.series.accept.map((n, i) => n + group.series.review[i] + group.series.reject[i]));
  for (let pane = first; pane < group.series.accept.length; pane += 1) {
    let base = barTop + barH;
    for (const action of ACTIONS) {
      const height = (group.series[action][pane] / most) * barH;
      if (!height) continue;
      base -= height;
      svg.append(draw("rect", { class: action, x: x(pane) + step * 0.1, width: Math.max(0.6, step * 0.8), y: base, height }));
    }
  }
  svg.append(draw("text", { x: left - 4, y: barTop + 8, "text-anchor": "end" }, most));
  svg.append(draw("text", { x: left, y: H - 3 }, clock(tables.view_start + first * tables.pane_ms)));
  svg.append(draw("text", { x: W - right, y: H - 3, "text-anchor": "end" }, clock(tables.view_end)));
  return svg;
}
function same(alarm, group) {
  return alarm.source === group.source && alarm.kind === group.kind && alarm.policy.name === group.policy &&
    alarm.policy.version === group.version;
}
function troubled(tables, group) {
  const spans = [];
  let from = null;
  for (const alarm of [...tables.alarms].reverse().filter((one) => same(one, group))) {
    if (alarm.state === "raised") from = from ?? alarm.window_end;
    else { if (from !== null) spans.push([from, alarm.window_end]); from = null; }
  }
  if (from !== null) spans.push([from, tables.view_end]);
  return spans.filter(([, to]) => to > tables.view_start);
}

// ---- the rest of a source ---------------------------------------------------------------------------------------
function strip(score) {
  const W = 400, x = (value) => 2 + value * (W - 4);
  const svg = draw("svg", { class: "strip", viewBox: `0 0 ${W} 20`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", `Scores: P10 ${fixed(score.p10)}, median ${fixed(score.p50)}, P90 ${fixed(score.p90)}`);
  svg.append(draw("rect", { class: "track", x: 0, width: W, y: 7, height: 6, rx: 3 }));
  svg.append(draw("rect", { class: "wide", x: x(score.p10), width: Math.max(1.5, x(score.p90) - x(score.p10)), y: 4, height: 12, rx: 2 }));
  for (const end of [score.min, score.max]) svg.append(draw("line", { class: "end", x1: x(end), x2: x(end), y1: 5, y2: 15 }));
  for (let rank = 20; rank <= 80; rank += 10)
    svg.append(draw("line", { class: rank === 50 ? "middle" : "tick", x1: x(score[`p${rank}`]), x2: x(score[`p${rank}`]), y1: 4, y2: 16 }));
  return svg;
}
function pair(name, value) { return [make("dt", {}, name), make("dd", {}, value)]; }
function details(tables, group, now) {
  const { view } = group, list = make("dl");
  const causes = Object.entries(view.causes).sort((a, b) => b[1] - a[1]).map(([cause, n]) => `${CAUSES[cause] || words(cause)} ${n}`);
  const items = ["scored", "failed", "missing", "skipped", "remaining", "late"].filter((name) => view.items[name] || name === "missing" || name === "failed");
  const score = view.score;
  if (score) list.append(...pair("scores", `median ${fixed(score.p50)}, P10 ${fixed(score.p10)}, P90 ${fixed(score.p90)}, mean ${fixed(score.mean)} ± ${fixed(score.std)}`));
  list.append(...pair("closed by", causes.join(", ") || "–"));
  list.append(...pair("items", items.map((name) => `${name} ${view.items[name]}`).join(", ")));
  if (view.open_seconds_mean !== null) list.append(...pair("open for", `${span(view.open_seconds_mean * 1000)} on average before the decision`));
  if (view.revisions) list.append(...pair("revised", `${view.revisions}`));
  list.append(...pair("newest", `${span(now - group.newest_decided_at)} ago`));
  return list;
}
function card(tables, group, first, width, now) {
  const { window: last } = group, expected = band(group);
  const node = make("article", { class: group.state },
    make("div", { class: "head" },
      make("div", {}, make("h3", {}, group.source), make("p", { class: "soft" }, `${group.kind} · policy ${group.policy}@${group.version}`)),
      make("span", { class: `chip ${group.state}` }, STATES[group.state])),
    make("div", { class: "now" },
      make("span", { class: "rate" }, percent(last.accept_rate)),
      make("span", { class: "soft" }, expected ? `passed; expected ${whole(expected.low)} to ${whole(expected.high)} %` : "passed; no band is expected")),
    make("div", { class: "counts" },
      make("span", {}, `${last.decisions} decisions`),
      ...ACTIONS.map((action) => make("span", { class: action }, `${last[action]} ${action}`))),
    chart(tables, group, first, width));
  if (group.view.score) node.append(strip(group.view.score));
  node.append(details(tables, group, now));
  return node;
}

// ---- the page ---------------------------------------------------------------------------------------------------
const RANK = { alarm: 0, few: 1, in_band: 1, no_band: 1, quiet: 2 };
function showGroups(tables, now) {
  const groups = [...tables.groups].sort((a, b) => RANK[a.state] - RANK[b.state] || named(a).localeCompare(named(b)));
  const shown = groups.filter((group) => group.state !== "quiet"), quiet = groups.filter((group) => group.state === "quiet");
  const first = groups.length ? firstPane(tables) : 0, width = chartWidth();
  byId("groups").replaceChildren(...shown.map((group) => card(tables, group, first, width, now)));
  if (!shown.length) byId("groups").append(make("p", { class: "empty" }, "Nothing was decided yet."));
  const fold = byId("quiet");
  fold.hidden = !quiet.length;
  fold.querySelector("summary").textContent = `${quiet.length} without a decision in the last window`;
  fold.querySelector("ul").replaceChildren(...quiet.map((group) =>
    make("li", {}, `${named(group)} · ${group.policy}@${group.version}: ${group.view.decisions} decisions, the newest ${span(now - group.newest_decided_at)} ago`)));
  byId("legend").textContent = tables.newest_decided_at === null ? "" :
    `Figures on top are of the last ${span(tables.window_ms)}, those below the charts of all that is shown (${span(tables.view_end - tables.view_start)} at most). ` +
    "Line: share of accepts in the window that ends there; green: the band that the policy expects; bars: decisions.";
}
function alarmText(alarm) {
  const { low, high } = alarm.expected;
  const rate = alarm.rate === null ? "" : ` ${percent(alarm.rate)} passed,`;
  return `${WHY[alarm.why]}:${rate} expected ${whole(low)} to ${whole(high)} %`;
}
function present(tables, alarm) {
  const group = tables.groups.find((one) => same(alarm, one));
  return group && group.window.decisions ? percent(group.window.accept_rate) : "nothing is decided";
}
function showAlarms(tables) {
  const active = tables.alarms.filter((alarm) => alarm.active);
  const section = byId("active");
  section.hidden = !active.length;
  section.replaceChildren(...active.map((alarm) =>
    make("p", {}, make("b", {}, named(alarm)), ` ${alarmText(alarm)}, since ${clock(alarm.window_end)}; now ${present(tables, alarm)}`)));
  byId("alarm-rows").replaceChildren(...tables.alarms.map((alarm) => make("li", {},
    make("div", { class: "top" }, make("time", {}, clock(alarm.window_end)),
      make("span", { class: `chip ${alarm.state === "raised" ? "alarm" : "in_band"}` }, alarm.state),
      make("span", { class: "name" }, named(alarm))),
    make("div", { class: "why" }, `${alarmText(alarm)} · ${sum(Object.values(alarm.counts))} decisions · ${alarm.policy.name}@${alarm.policy.version}`))));
  if (!tables.alarms.length) byId("alarm-rows").append(make("li", { class: "empty" }, "None was raised."));
}
function showRejects(tables) {
  const rows = tables.rejects.slice(0, SHOWN_REJECTS).map((one) => make("li", {},
    make("div", { class: "top" }, make("time", {}, clock(one.at)), make("span", { class: "name" }, one.parent_id),
      make("span", { class: "reject" }, one.score === null ? "no score" : `score ${fixed(one.score)}`),
      make("span", { class: "why" }, `${named(one)}${one.window === "whole" ? "" : ` · ${one.window}`}`)),
    make("div", {}, ...one.reasons.map((reason) => make("span", { class: "tag" }, words(reason))))));
  byId("reject-rows").replaceChildren(...rows);
  if (!rows.length) byId("reject-rows").append(make("li", { class: "empty" }, "None."));
}
function showStatus(answer) {
  const { tables } = answer, status = byId("status");
  status.className = "live";
  const newest = tables && tables.newest_decided_at;
  status.textContent = !tables ? "reading the topics" : newest === null ? "live; no decision yet" :
    `live; newest decision ${span(answer.at - newest)} ago`;
  const waiting = sum(answer.waiting.map((one) => one.records));
  byId("reading").querySelector("summary").textContent = `Reading ${answer.waiting.length} partitions, ${waiting} records wait`;
  byId("reading").querySelector("ul").replaceChildren(...answer.waiting.map((one) =>
    make("li", {}, `${one.topic} [${one.partition}]: ${one.records} wait`)));
}
function show(answer) {
  showStatus(answer);
  const { tables } = answer;
  if (!tables) return;
  const text = JSON.stringify(tables) + Math.floor(answer.at / 10000);
  if (text === seen) return;
  seen = text;
  const raised = tables.alarms.filter((alarm) => alarm.active).length;
  document.title = raised ? `(${raised}) Sluice monitor` : "Sluice monitor";
  showGroups(tables, answer.at);
  showAlarms(tables);
  showRejects(tables);
}
async function poll() {
  try {
    const answer = await fetch("/monitor.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    failures = 0;
  } catch (error) {
    failures += 1;
    byId("status").className = "lost";
    byId("status").textContent = "the monitor does not answer; what is shown is old";
  }
  setTimeout(poll, Math.min(30000, EVERY * (1 + failures)));
}
poll();
addEventListener("resize", () => { seen = ""; });
