// What makes the pages quicker to work with; everything here can also be done without it.

const rows = () => [...document.querySelectorAll("[data-rows] tbody tr")];

// The row that has the focus, else the one that was gone to last.
const current = () => document.activeElement.closest("[data-rows] tbody tr") ?? document.querySelector('[data-rows] tr[aria-selected="true"]');

function choose(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.indexOf(current());
  const next = Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + step));
  all.forEach((row, index) => row.toggleAttribute("aria-selected", false) || (index === next && row.setAttribute("aria-selected", "true")));
  const link = all[next].querySelector("a");
  if (link) link.focus();
  all[next].scrollIntoView({ block: "nearest" });
}

// Keys of one letter get in the way of who speaks to their computer: they can be turned off, and stay so.
const KEYS = "ningju.keys";
let keys = localStorage.getItem(KEYS) !== "off";

function tellKeys() {
  const told = document.getElementById("keys");
  if (!told) return;
  const button = told.querySelector("button");
  button.textContent = keys ? button.dataset.off : button.dataset.on;
  told.hidden = false;
}

tellKeys();
document.querySelector("#keys button")?.addEventListener("click", () => {
  keys = !keys;
  localStorage.setItem(KEYS, keys ? "on" : "off");
  tellKeys();
});

document.addEventListener("keydown", (event) => {
  if (!keys || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches('input:not([type="checkbox"]), select, textarea')) return;
  const row = current();
  switch (event.key) {
    case "/":
    case "b": {
      const field = document.querySelector(`[data-key="${event.key}"]`);
      if (field) { field.focus(); field.select?.(); event.preventDefault(); }
      break;
    }
    case "j": choose(1); break;
    case "k": choose(-1); break;
    case "x": {
      const box = row && row.querySelector('input[type="checkbox"]');
      if (box) box.checked = !box.checked;
      break;
    }
  }
});

// What is pushed is the same for everybody: nobody is offered to take over what they have themselves.
const board = document.getElementById("now");
const take = document.getElementById("take");

function leaveOutMine() {
  for (const button of board.querySelectorAll("button[data-keeper]")) {
    if (button.dataset.keeper === take.dataset.me) button.remove();
  }
}

if (board && take) {
  new MutationObserver(leaveOutMine).observe(board, { childList: true, subtree: true });
}
