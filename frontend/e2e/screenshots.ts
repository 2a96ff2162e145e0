/** Takes the pictures in docs/screenshots: every screen with real videos of mini, dark and light, wide and phone. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { chromiumPath, launch, openPage } from "./browser";
import { until, WanServer } from "./server";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const PROMPTS = [
  "a red circle moving right on a blue background",
  "a yellow star moving up on a purple background",
  "a large green triangle moving up quickly on a pink background",
  "a small orange ball drifts slowly to the left over black",
  "on a gray background a cyan square slides upwards",
  "a white diamond moving down left on a green background",
  "a pink hexagon growing on a black background",
];
const LOOKS = {
  wide: { viewport: { width: 1280, height: 860 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

it("takes the pictures", async () => {
  const chromium = chromiumPath();
  if (!chromium)
    throw new Error("The pictures need a Chromium: install one, or name it in CHROMIUM.");
  mkdirSync(FOLDER, { recursive: true });
  const server = new WanServer();
  const browser = await launch(chromium);
  try {
    await server.start();
    for (const [seed, prompt] of PROMPTS.entries()) await server.make({ prompt, seed });
    const { data } = await server.call<{ data: { id: string }[] }>("GET", "/generations?limit=3");
    const shown = data[2]?.id ?? "";
    await server.call("POST", "/generations", { prompt: PROMPTS[0], steps: 100 });
    for (const prompt of PROMPTS.slice(1, 5)) await server.call("POST", "/generations", { prompt });
    await picture("queue", "/queue", async (page) => {
      await page
        .getByText(/a step/)
        .first()
        .waitFor();
    });
    await until("the queue is empty", async () => {
      const queue = await server.call<{ waiting: []; running: [] }>("GET", "/queue");
      return queue.waiting.length + queue.running.length === 0;
    });
    await picture("generate", "/", async (page) => {
      await page.getByRole("textbox", { name: "Prompt", exact: true }).fill(PROMPTS[2] ?? "");
      await page.getByText("about", { exact: false }).first().waitFor();
    });
    await picture("outputs", "/outputs", async (page) => {
      await page.getByRole("article").first().waitFor();
      await until("all are shown", () =>
        page
          .locator("article")
          .evaluateAll((all) => all.every((card) => card.querySelector("img")?.naturalWidth)),
      );
    });
    await picture("output", `/outputs/${shown}`);
    await picture("system", "/system");
  } finally {
    await browser.close();
    await server.close();
  }

  async function picture(name: string, path: string, ready?: (page: Page) => Promise<void>) {
    for (const [look, options] of Object.entries(LOOKS)) {
      for (const colorScheme of ["dark", "light"] as const) {
        const watched = await openPage(browser, server.url, { ...options, colorScheme });
        await watched.page.goto(path);
        await ready?.(watched.page);
        await watched.page.waitForTimeout(1_200);
        await watched.page.screenshot({
          path: `${FOLDER}${name}-${look}-${colorScheme}.jpg`,
          type: "jpeg",
          quality: 82,
        });
        expect(watched.complaints).toEqual([]);
        await watched.close();
      }
    }
  }
});
