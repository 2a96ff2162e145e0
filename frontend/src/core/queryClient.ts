import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { navigate } from "wouter/use-browser-location";
import { keysLeft, ProblemError } from "@/shared/api";
import { createStore } from "@/shared/lib/store";
import { tellProblem } from "@/shared/ui";

/** Whether what was last asked was answered, with whatever. */
export const reachable = createStore(true);

/**
 * The page is a view of the server: what it shows is asked for again when it comes back into view, and
 * a refusal (4xx) is an answer, not a reason to ask again.
 */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => reachable.set(!(error instanceof ProblemError && error.status === 0)),
    onSuccess: () => reachable.set(true),
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

keysLeft.subscribe(() => {
  queryClient.clear();
  navigate("/", { replace: true }); // the address may name what was looked at, or for
});
