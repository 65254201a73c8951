(sweep) => {
  // the address leads back to the sweep that is shown
  const query = new URLSearchParams(location.search);
  if (query.get("tab") !== "sweeps" || query.get("sweep") === (sweep || null)) return;
  sweep ? query.set("sweep", sweep) : query.delete("sweep");
  history.replaceState(history.state, "", "?" + query);
}
