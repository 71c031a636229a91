import jsonata from "jsonata";
import { readFileSync } from "node:fs";
import { hash } from "node:crypto";
import { measure } from "../measure.mjs";
import { tree } from "../tree.mjs";
import { sha1OfKey } from "../javascript/types.mjs";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

await measure("jsonata", (workload) => {
  const map = read(workload === "W1" ? "admission.jsonata" : "results.jsonata");
  const expression = jsonata(`(${read("types.jsonata")}${map})`);
  // JSONata hashes nothing.
  expression.registerFunction("sha1", (text) => hash("sha1", text), "<s:s>");
  expression.registerFunction("sha1OfKey", sha1OfKey, "<s:s>");
  return async (text) => JSON.stringify(await expression.evaluate(tree(text)));
});
