/** Why the server refused, in its own words (RFC 9457). */
import type { components } from "./schema";

type Problem = components["schemas"]["Problem"];
export type FieldProblem = Problem["errors"][number];

export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly fields: readonly FieldProblem[] = [],
  ) {
    super(detail);
    this.name = "ProblemError";
  }

  static async of(response: Response): Promise<ProblemError> {
    const told = (await response.json().catch(() => null)) as Partial<Problem> | null;
    return new ProblemError(
      response.status,
      told?.code ?? "refused",
      told?.detail ?? `The server answered ${response.status} ${response.statusText}.`,
      told?.errors ?? [],
    );
  }

  /** What is wrong with one field of the request, if anything. */
  field(name: string): FieldProblem | undefined {
    return this.fields.find((field) => field.pointer === `/${name}`);
  }
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
