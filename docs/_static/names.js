// Names that the theme leaves out: of the arrows that open a part of the menu, and of the search button, whose label lacks the keys it shows.
for (const summary of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
  const link = summary.closest("li").querySelector("a");
  summary.setAttribute("aria-label", `Pages of ${link ? link.textContent.trim() : "this part"}`);
}
for (const button of document.querySelectorAll(".search-button-field")) {
  button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim() || "Search");
}
