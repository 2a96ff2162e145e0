/** Why the server refused, in its own words (RFC 9457). */
import { keyWanted } from "./key";
import type { components } from "./schema";

type Problem = components["schemas"]["Problem"];
export type FieldProblem = Problem["errors"][number];

export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly fields: readonly FieldProblem[] = [],
    /** How long the server says to wait before asking again; null where it does not. */
    readonly waitMs: number | null = null,
  ) {
    super(detail);
    this.name = "ProblemError";
  }

  /** What is wrong with one field of the request, if anything. */
  field(name: string): FieldProblem | undefined {
    return this.fields.find((field) => field.pointer === `/${name}`);
  }
}

/** Why the server answered so; where it wants a key, the page asks for one from now on. */
export async function refusal(response: Response): Promise<ProblemError> {
  const told = (await response.json().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error; // nobody waits
    return null;
  })) as Partial<Problem> | null;
  const problem = new ProblemError(
    response.status,
    told?.code ?? "refused",
    told?.detail ?? `The server answered ${response.status} ${response.statusText}.`,
    told?.errors ?? [],
    waitOf(response.headers.get("Retry-After")),
  );
  if (problem.status === 401) keyWanted.set(problem.message);
  return problem;
}

/** `Retry-After` as milliseconds: it is told in seconds, or as a date. */
function waitOf(told: string | null): number | null {
  if (told === null) return null;
  const ms = /^\d+$/.test(told) ? Number(told) * 1000 : Date.parse(told) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

export const unreachable = () =>
  new ProblemError(
    0,
    "unreachable",
    "The server cannot be reached. Nothing is lost; trying again.",
  );

/** Any error as a sentence. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The fields that a refusal names, or none. */
export function fieldsOf(error: unknown): (name: string) => FieldProblem | undefined {
  return (name) => (error instanceof ProblemError ? error.field(name) : undefined);
}
