// Tables sort by the column whose title is pressed; empty cells stay last.
document.querySelectorAll("table.sortable").forEach(function (table) {
  const titles = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
  titles.forEach(function (title, column) {
    title.querySelector("button").addEventListener("click", function () {
      const down = title.getAttribute("aria-sort") === "ascending";
      titles.forEach(function (other) { other.removeAttribute("aria-sort"); });
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = Array.from(table.tBodies[0].rows);
      rows.sort(function (a, b) {
        const x = a.cells[column].dataset.order, y = b.cells[column].dataset.order;
        if (x === undefined || y === undefined) { return (x === undefined) - (y === undefined); }
        const numeric = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
        const order = numeric ? x - y : x.localeCompare(y);
        return down ? -order : order;
      });
      rows.forEach(function (row) { table.tBodies[0].appendChild(row); });
    });
  });
});
