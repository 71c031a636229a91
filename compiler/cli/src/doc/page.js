"use strict";
// Paths sort as people count: PID-5 before PID-11.
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const rows = (table) => [...table.tBodies[0].rows];

document.querySelectorAll("table").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const text = (row) => row.cells[column].textContent;
        const compare = (a, b) => {
            // What has nothing there stands at the end either way.
            if (!text(a) || !text(b)) return Number(!text(a)) - Number(!text(b));
            return order.compare(text(a), text(b)) * (up ? 1 : -1);
        };
        table.tBodies[0].append(...rows(table).sort(compare));
    }));
});

const filter = document.getElementById("filter");
const count = document.getElementById("count");
function show() {
    const wanted = filter.value.toLowerCase();
    let shown = 0, all = 0;
    document.querySelectorAll("table").forEach((table) => rows(table).forEach((row) => {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        all += 1;
        shown += row.hidden ? 0 : 1;
    }));
    count.textContent = wanted ? `${shown} of ${all}` : "";
}
filter.addEventListener("input", show);
show();
