/** The machine and the server on it, as they are now. */
import { useQuery } from "@tanstack/react-query";
import { answered, api } from "./client";

const OFTEN_MS = 5_000;

export const useSystem = () =>
  useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => answered(api.GET("/api/v1/system", { signal })),
    refetchInterval: OFTEN_MS,
  });
