import { measure } from "../measure.mjs";
import { admission, results } from "./map.mjs";

await measure("javascript", (workload) => ({ W1: admission, W2: results })[workload]);
