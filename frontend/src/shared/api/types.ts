/** The server's types by short names. */
import type { Readable } from "openapi-typescript-helpers";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type Generation = Readable<Schemas["Generation"]>;
export type EventKind = Readable<Schemas["EventKind"]>;
export type GenerationRequest = Readable<Schemas["GenerationRequest"]>;
export type NewGeneration = Schemas["NewGeneration"];
export type NewPlan = Schemas["NewPlan"];
export type Output = Readable<Schemas["Output"]>;
export type OutputPage = Readable<Schemas["OutputPage"]>;
export type OutputQuery = NonNullable<paths["/api/v1/outputs"]["get"]["parameters"]["query"]>;
export type Facets = Readable<Schemas["OutputFacets"]>;
export type FacetValue = Readable<Schemas["FacetValue"]>;
export type SheetLayout = Readable<Schemas["SheetLayout"]>;
export type Plan = Readable<Schemas["Plan"]>;
export type Model = Readable<Schemas["Model"]>;
export type Lora = Readable<Schemas["LoraFacts"]>;
export type Queue = Readable<Schemas["Queue"]>;
export type Slot = Readable<Schemas["SlotState"]>;
export type System = Readable<Schemas["System"]>;
export type MachineSample = Readable<Schemas["MachineSample"]>;
export type Snapshot = Readable<Schemas["GenerationSnapshot"]>;
export type Stage = Readable<Schemas["Stage"]>;
export type Status = Readable<Schemas["JobStatus"]>;
export type Upload = Readable<Schemas["Upload"]>;
export type Preset = Readable<Schemas["PresetFacts"]>;
