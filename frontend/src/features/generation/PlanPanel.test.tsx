import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { NewPlan } from "@/shared/api";
import { EMPTY_DRAFT } from "@/shared/draft";
import { HintProvider } from "@/shared/ui";
import { PlanPanel } from "./PlanPanel";
import { THIS_MACHINE, usePlan } from "./usePlan";

const GIB = 2 ** 30;
const DRAFT = { ...EMPTY_DRAFT, loras: [{ name: "slow", high: 1, low: 0.5 }] };
const refused = { code: "does-not-fit", detail: "It needs 50.0 GiB: see `wan plan`." };

/** Fits from 24 GiB of accelerator memory on. */
function answer({ accelerator_bytes: bytes }: NewPlan): Response {
  if ((bytes ?? 0) < 24 * GIB) return new Response(JSON.stringify(refused), { status: 422 });
  const plan = { seconds: null, placement: null, reasons: ["It is streamed."] };
  const capacity = { accelerator_bytes: bytes, host_bytes: 64 * GIB };
  return new Response(JSON.stringify({ plan, capacity, steps: 40 }));
}

let asked: NewPlan[];

function Shown() {
  const [imagined, setImagined] = useState(THIS_MACHINE);
  const plan = usePlan(DRAFT, imagined);
  return <PlanPanel plan={plan} imagined={imagined} onImagined={setImagined} />;
}

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const body = (await request.json()) as NewPlan;
    asked.push(body);
    return answer(body);
  });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <Shown />
      </HintProvider>
    </QueryClientProvider>,
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const choose = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });

it("what does not fit here may be planned on another machine, and is never said to fit on this one", async () => {
  await screen.findByText("Does not fit on this machine");
  screen.getByText("wan plan", { selector: "code" });

  choose("As if the GPU had", "16");
  await screen.findByText("Would not fit");
  choose("As if the GPU had", "24");
  await screen.findByText("Would fit");

  expect(screen.queryByText(/on this machine/)).toBeNull();
  choose("As if the GPU had", "");
  await screen.findByText("Does not fit on this machine");
});

it("what the draft says of LoRAs is planned", async () => {
  await waitFor(() => expect(asked).toHaveLength(1));

  expect(asked[0]?.loras).toEqual([
    { name: "slow", strength_high_noise: 1, strength_low_noise: 0.5 },
  ]);
});

it("memory is asked for in bytes, and this machine's by saying nothing", async () => {
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toMatchObject({ accelerator_bytes: null, host_bytes: null });

  choose("As if the host had", "64");

  await waitFor(() => expect(asked.at(-1)).toMatchObject({ host_bytes: 64 * GIB }));
});
