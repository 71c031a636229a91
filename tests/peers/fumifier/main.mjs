import { FhirPackageExplorer } from "fhir-package-explorer";
import { FhirSnapshotGenerator } from "fhir-snapshot-generator";
import { FhirStructureNavigator } from "@outburn/structure-navigator";
import fumifier from "fumifier";
import { readFileSync } from "node:fs";
import { hash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { measure } from "../measure.mjs";
import { tree } from "../tree.mjs";
import { sha1OfKey } from "../javascript/types.mjs";

const at = (name) => new URL(name, import.meta.url);
const read = (name) => readFileSync(at(name), "utf8");

// Without validation, which would be of what the map cannot write.
const UNCHECKED = { throwLevel: 0, validationLevel: 0, logLevel: 0, collectLevel: 0 };
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

async function structures() {
  const fhirVersion = "4.0.1";
  const cachePath = fileURLToPath(at("../../../target/peers/fhir"));
  const fpe = await FhirPackageExplorer.create({
    context: ["hl7.fhir.r4.core@4.0.1"], cachePath, fhirVersion, logger: SILENT,
  });
  const generator = await FhirSnapshotGenerator.create({ fhirVersion, cacheMode: "lazy", fpe, logger: SILENT });
  return new FhirStructureNavigator(generator, SILENT);
}

await measure("fumifier", async (workload) => {
  const map = read(workload === "W1" ? "admission.fume" : "results.fume");
  const expression = await fumifier(`(${read("types.fume")}${map})`, { navigator: await structures(), logger: SILENT });
  // Neither FLASH nor JSONata hashes as UUIDs need it.
  expression.registerFunction("sha1", (text) => hash("sha1", text), "<s:s>");
  expression.registerFunction("sha1OfKey", sha1OfKey, "<s:s>");
  return async (text) => JSON.stringify(await expression.evaluate(tree(text), UNCHECKED));
});
