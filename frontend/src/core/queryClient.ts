import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ProblemError } from "@/shared/api";
import { connected } from "@/shared/jobs";
import { tellProblem } from "@/shared/ui";

const isUnreachable = (error: unknown) => error instanceof ProblemError && error.status === 0;

/**
 * The page is a view of the server: what it shows is asked for again when it comes back into view, and
 * a refusal (4xx) is an answer, not a reason to ask again.
 */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (isUnreachable(error)) connected.set(false);
    },
    onSuccess: () => {
      if (!connected.get()) connected.set(true);
    },
  }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      if (!mutation.meta?.isToldInPlace) tellProblem(error);
    },
  }),
  defaultOptions: {
    queries: {
      networkMode: "always",
      staleTime: 500,
      retry: (failures, error) =>
        failures < 2 &&
        !(error instanceof ProblemError && error.status >= 400 && error.status < 500),
    },
    mutations: { networkMode: "always" },
  },
});
