import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, faults, launch, openPage, type Watched } from "./browser";
import { WanServer } from "./server";

const chromium = chromiumPath();

describe.skipIf(chromium === null)("the API's own screen, in a browser", () => {
  const server = new WanServer();
  let browser: Browser | undefined;
  let watched: Watched;

  beforeAll(async () => {
    const card = { WAN_PIPELINE__BACKEND: "synthetic" };
    [browser] = await Promise.all([launch(chromium ?? ""), server.start(card)]);
  });

  afterEach(async () => {
    await watched.close();
    expect(watched.complaints, "the policy refused it nothing").toEqual([]);
    expect(watched.strangers, "and it asked nobody else").toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  async function opened(summary: string): Promise<Page> {
    if (!browser) throw new Error("no browser was launched");
    watched = await openPage(browser, server.url);
    const { page } = watched;
    await page.goto("/schema");
    await page.getByLabel("Find").fill(summary);
    await page.locator("summary").filter({ hasText: summary }).first().click();
    await page.getByRole("button", { name: "Send" }).waitFor();
    return page;
  }

  it("asks for a video with the example as it stands, and shows the answer", async () => {
    const page = await opened("Ask for a video.");

    await page.getByRole("button", { name: "Send" }).click();

    await page.getByText("202 Accepted").waitFor();
    await page.locator("output").getByText('"status": "queued"').waitFor();
    const { data } = await server.call<{ data: { id: string }[] }>("GET", "/generations");
    expect(data).toHaveLength(1);
    await server.ended(data[0]?.id ?? "");
  });

  it("fills in what the path names, and shows a stream as it comes", async () => {
    const { id } = await server.make({ prompt: "a red circle", steps: 2 });
    const page = await opened("Every event of a generation");

    await page.getByLabel("generation_id").fill(id);
    await page.getByRole("button", { name: "Send" }).click();

    await page.locator("output").getByText("event: completed").waitFor();
  });

  it("shows pictures, and what a refusal says", async () => {
    const { id } = await server.make({ prompt: "a red circle", steps: 2 });
    const page = await opened("/thumbnail");

    await page.getByLabel("output_id").fill("gen_0");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("output").getByText('"code": "unknown-generation"').waitFor();
    await page.getByLabel("output_id").fill(id);
    await page.getByRole("button", { name: "Send" }).click();

    await page.getByAltText("What was answered").waitFor();
  });

  it("has an example of each answer", async () => {
    const page = await opened("Stop a generation");

    await page.locator("summary").filter({ hasText: "409" }).click();

    await page.getByText('"code": "not-cancellable"').waitFor();
  });

  it("has no fault that axe-core knows, and fits a phone", async () => {
    const page = await opened("Ask for a video.");

    expect(await faults(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    const beyond = await page.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );
    expect(beyond).toBeLessThanOrEqual(0);
  });
});
