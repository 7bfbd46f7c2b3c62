// A visit is dragged to another line or hour. What is said comes from the server, which asks the rules; the list below
// the chart leads to the same form without any of this.

const STEP_PX = 6; // less is a click
const PAUSE_MS = 250; // so long the pointer rests before the rules are asked
const QUARTER_MIN = 15;

const chart = document.querySelector("table.chart");
const dialog = document.getElementById("move");
const hint = document.getElementById("dragged");
let drag = null;
let ignoreClick = false;

function two(number) { return String(number).padStart(2, "0"); }

function startAt(column) {
  const minutes = Number(chart.dataset.first) * 60 + column * QUARTER_MIN;
  return `${chart.dataset.day}T${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

// Where the dragged bar would begin: the line under the pointer, and the quarter under the bar's left edge.
function spot(event) {
  const row = document.elementsFromPoint(event.clientX, event.clientY).map((one) => one.closest("tr[data-team]")).find(Boolean);
  if (!row) return null;
  const box = row.querySelector("ol.bars").getBoundingClientRect();
  const columns = Number(chart.dataset.columns);
  const column = Math.round(((event.clientX - drag.grab - box.left) / box.width) * columns);
  if (column < 0 || column >= columns) return null;
  const start = column === drag.column ? drag.bar.dataset.start : startAt(column);
  return { row, start, key: `${row.dataset.team} ${row.dataset.who} ${start}` };
}

function address(place, part) {
  const asked = new URLSearchParams({ team: place.row.dataset.team, start: place.start, part, back: chart.dataset.back });
  const from = drag.bar.closest("tr").dataset.who;
  if (place.row.dataset.who) asked.set("who", place.row.dataset.who);
  if (from) asked.set("instead", from);
  return `${drag.bar.dataset.move}?${asked}`;
}

async function part(place, name) {
  const answer = await fetch(address(place, name), { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

function told(html) {
  hint.hidden = false;
  hint.innerHTML = html;
}

function begin(event) {
  const bar = event.target.closest("a[data-move]");
  if (!bar || event.button !== 0 || event.pointerType === "touch") return;
  const box = bar.getBoundingClientRect();
  const line = bar.closest("ol.bars").getBoundingClientRect();
  drag = { bar, x: event.clientX, y: event.clientY, grab: event.clientX - box.left, moving: false, place: null, timer: 0 };
  drag.column = Math.round(((box.left - line.left) / line.width) * Number(chart.dataset.columns));
  bar.setPointerCapture(event.pointerId);
}

// What is seen to move is a copy: the line would cut the bar off.
function lift() {
  const box = drag.bar.getBoundingClientRect();
  drag.moving = true;
  drag.ghost = drag.bar.cloneNode(true);
  drag.ghost.classList.add("ghost");
  drag.ghost.setAttribute("aria-hidden", "true");
  for (const [name, value] of Object.entries({ left: box.left, top: box.top, width: box.width })) drag.ghost.style[name] = `${value}px`;
  document.body.append(drag.ghost);
  drag.bar.classList.add("dragged");
}

function over(event) {
  if (!drag) return;
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.moving && Math.hypot(dx, dy) < STEP_PX) return;
  if (!drag.moving) lift();
  drag.ghost.style.transform = `translate(${dx}px, ${dy}px)`;
  const place = spot(event);
  if ((place && place.key) === (drag.place && drag.place.key)) return;
  chart.querySelectorAll("tr.target").forEach((row) => row.classList.remove("target"));
  drag.place = place;
  clearTimeout(drag.timer);
  if (!place) { hint.hidden = true; return; }
  place.row.classList.add("target");
  const where = `${place.row.querySelector("th").textContent.trim()}, ${place.start.slice(11)}`;
  hint.hidden = false;
  hint.textContent = where;
  const mine = drag;
  drag.timer = setTimeout(async () => {
    try {
      const html = await part(place, "hint");
      if (drag === mine && drag.place === place) told(`<strong></strong> ${html}`);
      if (drag === mine && drag.place === place) hint.firstChild.textContent = where;
    } catch { /* it is said when the visit is dropped */ }
  }, PAUSE_MS);
}

function stop() {
  const ended = drag;
  drag = null;
  clearTimeout(ended.timer);
  ended.bar.classList.remove("dragged");
  if (ended.ghost) ended.ghost.remove();
  chart.querySelectorAll("tr.target").forEach((row) => row.classList.remove("target"));
  hint.hidden = true;
  return ended;
}

async function drop(event) {
  if (!drag) return;
  const place = drag.moving ? spot(event) : null;
  ignoreClick = drag.moving;
  setTimeout(() => { ignoreClick = false; });
  if (!place) { stop(); return; }
  const wanted = part(place, "form");
  stop();
  let html;
  try { html = await wanted; } catch { html = ""; }
  dialog.innerHTML = html;
  if (!html) dialog.textContent = dialog.dataset.failed;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "plain";
  close.textContent = dialog.dataset.close;
  close.addEventListener("click", () => dialog.close());
  dialog.append(close);
  dialog.showModal();
  const reason = dialog.querySelector('[name="reason"]');
  if (reason) reason.focus();
}

if (chart && dialog) {
  chart.addEventListener("pointerdown", begin);
  chart.addEventListener("pointermove", over);
  chart.addEventListener("pointerup", drop);
  chart.addEventListener("pointercancel", () => { if (drag) stop(); });
  chart.addEventListener("click", (event) => { if (ignoreClick) event.preventDefault(); }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag) return;
    stop();
    ignoreClick = true; // the button is still down: when it is let go, that is no click
    document.addEventListener("pointerup", () => setTimeout(() => { ignoreClick = false; }), { once: true });
  });
}
