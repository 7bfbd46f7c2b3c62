// What makes the pages quicker to work with; everything here can also be done without it.

const rows = () => [...document.querySelectorAll("[data-rows] tbody tr")];

function choose(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + step));
  all.forEach((row, index) => row.toggleAttribute("aria-selected", false) || (index === next && row.setAttribute("aria-selected", "true")));
  const link = all[next].querySelector("a");
  if (link) link.focus();
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const row = document.querySelector('[data-rows] tr[aria-selected="true"]');
  switch (event.key) {
    case "/": {
      const search = document.querySelector('[data-key="/"]');
      if (search) { search.focus(); search.select(); event.preventDefault(); }
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
