// Chapters lead to their place, the one that plays is marked, times read as the reader's own.
const player = document.getElementById("player");
const links = [...document.querySelectorAll("a[data-at]")];

function seek(seconds) {
  player.currentTime = seconds;
  player.play().catch(() => {});
}

for (const link of links) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", `#t=${link.dataset.at}`);
    seek(Number(link.dataset.at));
  });
}

function mark() {
  const now = player.currentTime + 0.25;
  const current = links.filter((link) => Number(link.dataset.at) <= now).at(-1);
  for (const link of links) {
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

player.addEventListener("timeupdate", mark);
player.addEventListener("seeked", mark);

const wanted = /^#t=(\d+)$/.exec(location.hash);
if (wanted) {
  const start = () => { player.currentTime = Number(wanted[1]); };
  if (player.readyState > 0) start();
  else player.addEventListener("loadedmetadata", start, { once: true });
}

for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  time.textContent = at.toLocaleString(document.documentElement.lang, {
    dateStyle: "medium", timeStyle: "short",
  });
}
