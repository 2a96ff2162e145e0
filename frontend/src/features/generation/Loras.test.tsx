import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { FieldProblem, Model } from "@/shared/api";
import { bodyOf, draftStore, EMPTY_DRAFT } from "@/shared/draft";
import { useStore } from "@/shared/lib/store";
import { HintProvider } from "@/shared/ui";
import { Loras } from "./Loras";

function Shown({ hasTwo, problem }: { hasTwo: boolean; problem: FieldProblem | undefined }) {
  const told = (name: string) => (problem?.pointer === `/${name}` ? problem : undefined);
  const model = { has_two_experts: hasTwo } as Model;
  return <Loras draft={useStore(draftStore)} model={model} problem={told} />;
}

const show = (hasTwo: boolean, problem?: FieldProblem) =>
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <Shown hasTwo={hasTwo} problem={problem} />
      </HintProvider>
    </QueryClientProvider>,
  );
const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
const asked = () => bodyOf(draftStore.get()).loras;

beforeEach(() => {
  draftStore.set({ ...EMPTY_DRAFT, loras: [{ name: "slow", high: 1, low: 1 }] });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify({ data: [] }))));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("each expert has a strength of its own", () => {
  show(true);

  type("Strength, high noise", "0.5");
  type("Strength, low noise", "0.25");

  expect(asked()).toEqual([{ name: "slow", strength_high_noise: 0.5, strength_low_noise: 0.25 }]);
});

it("one network has one strength", () => {
  show(false);
  expect(screen.queryByLabelText(/noise/)).toBeNull();

  type("Strength", "0.5");

  expect(asked()).toEqual([{ name: "slow", strength_high_noise: 0.5, strength_low_noise: 0.5 }]);
});

it("what is refused of one is told where it is set, with the nearest that is not", () => {
  show(true, { pointer: "/loras/0/strength_low_noise", reason: "9 is outside", nearest: [4] });

  fireEvent.click(screen.getByRole("button", { name: "Use 4" }));

  expect(draftStore.get().loras).toEqual([{ name: "slow", high: 1, low: 4 }]);
});
