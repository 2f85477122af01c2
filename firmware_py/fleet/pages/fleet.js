// Shows the tiles anew every two seconds. An answer that does not come leaves the old tiles, marked as old.
const tiles = document.getElementById("tiles");
async function refresh() {
  try {
    const answer = await fetch("/tiles" + location.search, { cache: "no-store" });
    if (answer.redirected) location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (!tiles.contains(document.activeElement) || document.activeElement === document.body) tiles.innerHTML = text;
    tiles.classList.remove("old");
  } catch {
    tiles.classList.add("old");
  }
}
setInterval(refresh, 2000);
