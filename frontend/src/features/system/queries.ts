import { useQuery } from "@tanstack/react-query";
import { answered, api, ProblemError } from "@/shared/api";

const SELDOM_MS = 15_000;

/** Each check of the server's readiness, and what is wrong with it; null where nothing is. */
export const useChecks = () =>
  useQuery({
    queryKey: ["readyz"],
    refetchInterval: SELDOM_MS,
    async queryFn({ signal }): Promise<readonly (readonly [string, string | null])[]> {
      try {
        const ready = await answered(api.GET("/readyz", { signal }));
        return Object.keys(ready.checks).map((name) => [name, null]);
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status !== 503) throw error;
        return error.fields.map(({ pointer, reason }) => [pointer.slice(1), reason]);
      }
    },
  });
