// While the machine's network interfaces change (a lab's bridges come and go), browsers give up
// files in mid-flight. A page that lost one is loaded again, a few times at most; main.js counts
// from the beginning once it runs.
addEventListener(
  "error",
  ({ target }) => {
    if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    const times = Number(sessionStorage.getItem("loaded-again") ?? 0);
    if (times >= 5) return;
    sessionStorage.setItem("loaded-again", String(times + 1));
    setTimeout(() => location.reload(), 200);
  },
  true,
);
