// What survives a reload of the tab: who acts, where they look, unsent drafts, the theme.
// Keyed by the page's address, which carries the run's token: another run starts fresh.

const PREFIX = `playground:${location.pathname}:`;

export function remember(key, value) {
  if (value === null || value === "") sessionStorage.removeItem(PREFIX + key);
  else sessionStorage.setItem(PREFIX + key, value);
}

export const recall = (key) => sessionStorage.getItem(PREFIX + key);

/** The theme is the reader's own and outlives the run. */
export const rememberTheme = (theme) => localStorage.setItem("playground:theme", theme);

export const recallTheme = () => localStorage.getItem("playground:theme");
