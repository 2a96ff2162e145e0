/** The server's own description of its API, as far as this screen shows it. */
import { useQuery } from "@tanstack/react-query";

export interface Content {
  schema?: { $ref?: string; type?: string };
  examples?: Record<string, { $ref: string }>;
  example?: unknown;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
}

export interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { description: string; content?: Record<string, Content> }>;
}

export interface Route extends Operation {
  method: string;
  path: string;
}

export interface Description {
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { examples: Record<string, { value: unknown }> };
}

export function useDescription() {
  return useQuery({
    queryKey: ["schema"],
    queryFn: async ({ signal }) =>
      (await (await fetch("/schema/openapi.json", { signal })).json()) as Description,
    staleTime: Infinity, // it is the server's program
  });
}

/** Those that are about what was typed, in the order of the description, by their tags. */
export function routesOf(description: Description, typed: string): [string, Route[]][] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Route[]>();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const route = { ...operation, method: method.toUpperCase(), path };
      const about = `${route.method} ${path} ${route.summary} ${route.tags?.join() ?? ""}`;
      if (!words.every((word) => about.toLowerCase().includes(word))) continue;
      const tag = route.tags?.[0] ?? "Other";
      groups.set(tag, [...(groups.get(tag) ?? []), route]);
    }
  }
  return [...groups];
}

/** As a person reads it; null where there is none. */
export function exampleOf(description: Description, content: Content): string | null {
  const [reference] = Object.values(content.examples ?? {});
  const name = reference?.$ref.split("/").pop();
  const value = name === undefined ? content.example : description.components.examples[name]?.value;
  if (value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
