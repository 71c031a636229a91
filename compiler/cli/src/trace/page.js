"use strict";
// What one points at on one side lights up on the other: a value what it is made of and what decided on it, a part of
// the message all that was made of it. The page says all this without the script too.
{
    const sides = [document.getElementById("message"), document.getElementById("output")];
    const [parts, values] = sides.map((side) => [...side.querySelectorAll(".item")]);
    const why = document.getElementById("why");
    const byPlace = new Map(parts.map((part) => [part.dataset.at, part]));
    const named = (value, kind) => (value.dataset[kind] || "").split(" ").filter(Boolean);
    let held = null;

    document.body.classList.add("ready");

    // A place is another, lies in it, or holds it.
    const touches = (a, b) => a === b || a.startsWith(b + ".") || b.startsWith(a + ".");

    // Of a resource what is asked of a place as a whole, such as its type, is not asked of each element in it.
    const isNode = (place) => /[^0-9.]/.test(place);
    const decides = (place, at) => touches(place, at) && !(isNode(place) && at.startsWith(place + "."));

    const linked = (item) => {
        if (item.dataset.at !== undefined) {
            const at = item.dataset.at;
            const of = (kind, meets) => values.filter((value) => named(value, kind).some((place) => meets(place, at)));
            const made = of("of", touches);
            return { lit: made, asked: of("if", decides).filter((value) => !made.includes(value)) };
        }
        const of = (kind) => named(item, kind).map((place) => byPlace.get(place)).filter(Boolean);
        return { lit: of("of"), asked: of("if") };
    };

    const clear = () => {
        for (const item of document.querySelectorAll(".here, .lit, .asked")) {
            item.classList.remove("here", "lit", "asked");
        }
    };

    const explain = (item, { lit, asked }) => {
        why.replaceChildren();
        const head = document.createElement("h5");
        head.textContent = [...item.children].filter((it) => it.matches("b, span, code"))
            .map((it) => it.title || it.textContent).filter(Boolean).join("  ");
        why.append(head);
        const told = item.querySelector(".why");
        if (told) {
            why.append(...told.cloneNode(true).childNodes);
        } else {
            const line = document.createElement("p");
            const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
            line.textContent = lit.length + asked.length === 0
                ? "Nothing of the output comes from here."
                : `${many(lit.length, "value")} made of it, ${many(asked.length, "more value")} decided by it.`;
            why.append(line);
        }
        why.hidden = false;
    };

    // Beside each other, each side moves by itself; one below the other, nothing moves under the pointer.
    const beside = matchMedia("(min-width: 761px)");

    const show = (item) => {
        clear();
        const found = linked(item);
        item.classList.add("here");
        found.asked.forEach((it) => it.classList.add("asked"));
        found.lit.forEach((it) => it.classList.add("lit"));
        explain(item, found);
        const first = found.lit[0] || found.asked[0];
        if (beside.matches) {
            first?.scrollIntoView({ block: "nearest" });
            // What is explained below must not cover what is pointed at.
            if (document.activeElement === item) {
                item.scrollIntoView({ block: "nearest" });
            }
        }
    };

    const hold = (item) => {
        const again = held === item;
        held?.classList.remove("held");
        held = again ? null : item;
        held?.classList.add("held");
        show(item);
    };

    const go = (item) => {
        if (!item) {
            return;
        }
        const list = item.dataset.at === undefined ? values : parts;
        list.find((it) => it.tabIndex === 0)?.setAttribute("tabindex", "-1");
        item.setAttribute("tabindex", "0");
        item.focus();
    };

    const across = (item) => {
        const { lit, asked } = linked(item);
        const other = item.dataset.at !== undefined ? values : parts;
        go(lit[0] || asked[0] || other[0]);
    };

    // Where keys scroll, what comes to lie under a pointer that rests is not pointed at.
    let pointer = "";
    const place = (event) => `${event.clientX} ${event.clientY}`;
    document.addEventListener("mousemove", (event) => {
        pointer = place(event);
    });

    const keys = {
        ArrowDown: (item, list) => go(list[list.indexOf(item) + 1]),
        ArrowUp: (item, list) => go(list[list.indexOf(item) - 1]),
        Home: (_, list) => go(list[0]),
        End: (_, list) => go(list[list.length - 1]),
        ArrowLeft: (item) => item.dataset.at === undefined && across(item),
        ArrowRight: (item) => item.dataset.at !== undefined && across(item),
        Enter: (item) => hold(item),
        " ": (item) => hold(item),
    };

    for (const [index, list] of [parts, values].entries()) {
        sides[index].addEventListener("keydown", (event) => {
            const item = event.target.closest(".item");
            if (item && keys[event.key]) {
                keys[event.key](item, list);
                event.preventDefault();
            }
        });
        sides[index].addEventListener("mouseover", (event) => {
            const item = event.target.closest(".item");
            if (item && !held && place(event) !== pointer) {
                show(item);
            }
        });
        sides[index].addEventListener("focusin", (event) => held || show(event.target));
        sides[index].addEventListener("click", (event) => {
            const item = event.target.closest(".item");
            if (item) {
                go(item);
                hold(item);
            }
        });
    }

    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
            held?.classList.remove("held");
            held = null;
            clear();
            why.hidden = true;
        }
    });

    [parts[0], values[0]].forEach((item) => item?.setAttribute("tabindex", "0"));
}
