import { useQuery } from "@tanstack/react-query";
import { answered, api, ProblemError } from "@/shared/api";

const OFTEN_MS = 5_000;
const SELDOM_MS = 15_000;

export const useSystem = () =>
  useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => answered(api.GET("/api/v1/system", { signal })),
    refetchInterval: OFTEN_MS,
  });

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
