/** Writes what OpenAPI says of the values of a new generation, for the form: `node limits.js OPENAPI TARGET`. */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

const [source, target] = process.argv.slice(2);
const NAMES = { minimum: "min", maximum: "max", maxItems: "max" };

const { properties } = JSON.parse(readFileSync(source, "utf8")).components.schemas.NewGeneration;
const limits = Object.entries(properties).map(([field, told]) => [
  field,
  Object.fromEntries([
    ...Object.entries(NAMES).flatMap(([said, name]) => (said in told ? [[name, told[said]]] : [])),
    ...(told.enum ? [["choices", told.enum.filter((value) => value !== null)]] : []),
  ]),
]);
const known = Object.fromEntries(limits.filter(([, told]) => Object.keys(told).length > 0));
writeFileSync(target, `export const LIMITS = ${JSON.stringify(known, null, 2)} as const;\n`);
