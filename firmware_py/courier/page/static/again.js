// Loads the page again when one of its own files did not come: a busy device refuses, and a browser asks only once.
// Must never load it again for anything else. It stands before all other files, and needs none of them.

addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
  const tries = Number(sessionStorage.getItem("tries") ?? 0);
  sessionStorage.setItem("tries", tries + 1);
  setTimeout(() => location.reload(), Math.min(1000 * 2 ** tries, 30000) * (0.5 + Math.random() / 2));
}, true);
addEventListener("load", () => sessionStorage.removeItem("tries"));
