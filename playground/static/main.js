// Puts the page together. Every part mounts on its place in index.html and listens to the state.

import { mountComposer } from "./composer.js";
import { mountModals } from "./modal.js";
import { mountPeople } from "./people.js";
import { closePopover } from "./popover.js";
import { connect } from "./session.js";
import { mountSidebar } from "./sidebar.js";
import { emit, on } from "./state.js";
import { mountTimeline } from "./timeline.js";
import { startClock } from "./times.js";
import { mountTopbar } from "./topbar.js";
import { mountTyping } from "./typing.js";

sessionStorage.removeItem("loaded-again"); // Every file is there: see boot.js.

const place = (id) => document.getElementById(id);

function mountDrawer() {
  // Where there is room the sidebar always stands; on a phone it slides in.
  const app = place("app");
  place("open-drawer").addEventListener("click", () => emit("drawer", true));
  place("drawer-scrim").addEventListener("click", () => emit("drawer", false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && emit("drawer", false));
  on("drawer", (open) => {
    if (open) closePopover();
    app.classList.toggle("drawer-open", open);
    place("open-drawer").setAttribute("aria-expanded", String(open));
  });
}

mountSidebar(place("guild-header"), place("channels"));
mountPeople(place("people"), place("top-person"));
mountTopbar(place("topbar"), place("place"), place("topbar-actions"), place("banner"));
mountTimeline(place("timeline"), place("pill"));
mountComposer(place("composer"));
mountTyping(place("typing"));
mountModals();
mountDrawer();
startClock();
connect();
