import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import type { Output } from "@/shared/api";
import { useJudge } from "./judging";
import { keyOf, LISTS } from "./library";
import { FRONT, type Pages } from "./pages";

const video = { id: "a", rating: 2, favourite: false } as Output;
const LIST = [...LISTS, ""];
let client: QueryClient;
let answer: (response: Response) => void;
let bodies: unknown[];

const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={client}>{children}</QueryClientProvider>
);
const listed = () => client.getQueryData<Pages>(LIST)?.pages[0]?.data[0];
const viewed = () => client.getQueryData<Output>(keyOf("a"));
const refusal = () => new Response(JSON.stringify({ detail: "No room." }), { status: 507 });
const accepted = () => new Response("{}", { status: 200 });

beforeEach(() => {
  client = new QueryClient();
  bodies = [];
  client.setQueryData<Pages>(LIST, {
    pages: [{ data: [video], next_cursor: null, facets: null, edition: 1 }],
    pageParams: [FRONT],
  });
  client.setQueryData(keyOf("a"), video);
  vi.stubGlobal("fetch", async (request: Request) => {
    bodies.push(await request.json());
    return new Promise<Response>((resolve) => (answer = resolve));
  });
});

it("stars are shown in the list and the view before the server has answered, and taken back where it refuses", async () => {
  const { result } = renderHook(() => useJudge(), { wrapper });

  act(() => result.current.mutate({ video, judgement: { rating: 5 } }));
  await waitFor(() => expect(listed()?.rating).toBe(5));
  expect(viewed()).toEqual({ ...video, rating: 5 });
  await waitFor(() => expect(bodies).toEqual([{ rating: 5 }]));
  answer(refusal());

  await waitFor(() => expect(result.current.error?.message).toBe("No room."));
  expect(listed()).toEqual(video);
  expect(viewed()).toEqual(video);
});

it("a refused star takes no heart with it that was given meanwhile", async () => {
  const { result } = renderHook(() => useJudge(), { wrapper });

  act(() => result.current.mutate({ video, judgement: { rating: 5 } }));
  await waitFor(() => expect(bodies).toEqual([{ rating: 5 }]));
  act(() => result.current.mutate({ video, judgement: { favourite: true } }));
  await waitFor(() => expect(listed()?.favourite).toBe(true));
  answer(refusal());
  await waitFor(() => expect(bodies.length).toBe(2)); // one after the other
  expect(listed()).toEqual({ ...video, favourite: true });
  answer(accepted());

  await waitFor(() => expect(result.current.isSuccess).toBe(true));
  expect(viewed()).toEqual({ ...video, favourite: true });
});
