import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { FieldProblem, Model } from "@/shared/api";
import { draftStore, EMPTY_DRAFT } from "@/shared/draft";
import { useStore } from "@/shared/lib/store";
import { HintProvider } from "@/shared/ui";
import { Sampling } from "./Sampling";

const model = (has_two_experts: boolean) =>
  ({
    has_two_experts,
    defaults: { steps: 12, guidance_high_noise: 4, guidance_low_noise: 3, flow_shift: 5 },
  }) as Model;

function Shown({ of, problem }: { of: Model; problem: FieldProblem | undefined }) {
  const draft = useStore(draftStore);
  const now = { model: of, width: 128, height: 128, numFrames: 17, fps: 8, steps: 12 };
  const told = (name: string) => (problem?.pointer === `/${name}` ? problem : undefined);
  return (
    <HintProvider>
      <Sampling draft={draft} now={now} problem={told} />
    </HintProvider>
  );
}

const show = (of: Model, problem?: FieldProblem) => render(<Shown of={of} problem={problem} />);
const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });

beforeEach(() => draftStore.set(EMPTY_DRAFT));
afterEach(cleanup);

it("two experts have a guidance each", () => {
  show(model(true));

  type("Guidance, high noise", "5");
  type("Guidance, low noise", "2");

  expect(draftStore.get()).toMatchObject({ guidanceHigh: 5, guidanceLow: 2 });
});

it("one network has one guidance, which sets both, and takes both away", () => {
  show(model(false));
  expect(screen.queryByLabelText(/noise/)).toBeNull();

  type("Guidance", "5");
  expect(draftStore.get()).toMatchObject({ guidanceHigh: 5, guidanceLow: 5 });
  type("Guidance", "");

  expect(draftStore.get()).toMatchObject({ guidanceHigh: null, guidanceLow: null });
});

it("what one network is refused for either guidance is told at the one there is", () => {
  const pointer = "/guidance_low_noise";
  show(model(false), { pointer, reason: "both must be equal", nearest: [5] });

  fireEvent.click(screen.getByRole("button", { name: "Use 5" }));

  expect(draftStore.get()).toMatchObject({ guidanceHigh: 5, guidanceLow: 5 });
});
