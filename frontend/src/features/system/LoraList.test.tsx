import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintProvider } from "@/shared/ui";
import { LoraList } from "./LoraList";

const file = (sha256: string | null) => ({
  file: "turn.safetensors",
  size_bytes: 2048,
  experts: ["high_noise", "low_noise"],
  ranks: [4],
  alphas: [],
  tensors: 2,
  unknown: 0,
  sha256,
});
const turn = { name: "turn", available: true, problem: null, family: "14B", files: [file(null)] };
const broken = { name: "cut", available: false, problem: "It is cut.", family: null, files: [] };
const need = {
  checkpoint: "t2v-A14B",
  lora: null,
  example: "few_steps",
  source: "hub.example/few",
};

let answers: Record<string, unknown>;
let asked: string[];

beforeEach(() => {
  asked = [];
  answers = {
    "/api/v1/loras": { data: [broken, turn] },
    "/api/v1/loras/turn": { ...turn, files: [file("c0ffee")] },
    "/api/v1/presets": {
      data: ["distilled-8", "distilled-4"].map((name) => ({ name, needs: [need] })),
    },
  };
  vi.stubGlobal("fetch", ({ url }: Request) => {
    const { pathname } = new URL(url);
    asked.push(pathname);
    return Promise.resolve(new Response(JSON.stringify(answers[pathname])));
  });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <LoraList />
      </HintProvider>
    </QueryClientProvider>,
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("says what is here, why one is unusable, and what a preset asks for in vain", async () => {
  await screen.findByText("14B");
  screen.getByText("It is cut.");
  screen.getByText(/turn.safetensors: high noise and low noise, rank 4/);
  await screen.findByText("For distilled-8 and distilled-4");
  expect(screen.getByRole("link").getAttribute("href")).toBe("https://hub.example/few");
});

it("files are read to their end when their hashes are asked for, not before", async () => {
  const button = await screen.findByRole("button", { name: "SHA-256 of turn" });
  expect(asked).not.toContain("/api/v1/loras/turn");

  fireEvent.click(button);

  await screen.findByText("c0ffee");
  const before = asked.length;
  fireEvent.click(screen.getByRole("button", { name: "SHA-256 of turn" })); // again, as files change
  await waitFor(() => expect(asked.length).toBeGreaterThan(before));
});

it("looks into the folder again when asked to", async () => {
  await screen.findByText("For distilled-8 and distilled-4");
  answers["/api/v1/loras"] = { data: [{ ...turn, name: "new" }] };
  answers["/api/v1/presets"] = { data: [] };

  fireEvent.click(screen.getByRole("button", { name: "Look into the folder again" }));

  await screen.findByText("new");
  expect(screen.queryByText(/^For /)).toBeNull();
});
