import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { chromiumPath, faults, launch, openPage, type Watched } from "./browser";
import { until, WanServer, type Job } from "./server";

const RED = "a red circle moving right on a blue background";
const STAR = "a yellow star moving up on a purple background";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SCREENS = ["/", "/queue", "/outputs", "/system", "/schema"];

const chromium = chromiumPath();
if (chromium === null) {
  // eslint-disable-next-line no-console -- whoever runs the tests must know
  console.warn("No Chromium is on this machine: the page's end-to-end tests are skipped.");
}

describe.skipIf(chromium === null)("the page, in a browser, on a real server with mini", () => {
  const server = new WanServer();
  let browser: Browser | undefined;
  let watched: Watched;
  let first: Job;

  beforeAll(async () => {
    [browser] = await Promise.all([launch(chromium ?? ""), server.start()]);
    first = await server.make({ prompt: STAR, seed: 7 });
    expect(first.status).toBe("completed");
  });

  afterEach(async () => {
    await watched.close();
    expect(watched.complaints, "the page complained of nothing").toEqual([]);
    expect(watched.strangers, "and asked nobody else").toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  async function open(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<Page> {
    if (!browser) throw new Error("no browser was launched");
    watched = await openPage(browser, server.url, options);
    await watched.page.goto(path);
    await watched.page.getByRole("heading", { level: 1 }).first().waitFor();
    return watched.page;
  }

  /** A file of the first video, as a browser is given one. */
  async function fileOf(what: "video" | "thumbnail", mimeType: string) {
    const answer = await fetch(`${server.url}/api/v1/outputs/${first.id}/${what}`);
    return { name: what, mimeType, buffer: Buffer.from(await answer.arrayBuffer()) };
  }

  interface Line {
    waiting: (Job & { request: { prompt: string } })[];
  }
  const waiting = async () => (await server.call<Line>("GET", "/queue")).waiting;
  const resume = () => server.call("POST", "/queue/resume");
  const pause = () => {
    onTestFinished(clearLine);
    return server.call("POST", "/queue/pause");
  };

  /** Whatever becomes of a test that pauses the queue, the next one finds nothing of it there. */
  async function clearLine(): Promise<void> {
    for (const { id } of await waiting()) await server.call("POST", `/generations/${id}/cancel`);
    await resume();
  }

  async function dropFile(page: Page, name: string, type: string, content: Buffer): Promise<void> {
    const transfer = await page.evaluateHandle(
      ({ name, type, base64 }) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name, { type }));
        return transfer;
      },
      { name, type, base64: content.toString("base64") },
    );
    for (const event of ["dragenter", "dragover", "drop"]) {
      await page.dispatchEvent("main", event, { dataTransfer: transfer });
    }
  }

  it("plans while one types, says what is impossible, and offers the nearest that is not", async () => {
    const page = await open("/");
    await page.getByText("Fits on this machine").waitFor();

    await page.getByLabel("Width").fill("77");
    await page.getByText("must be a multiple of 16").first().waitFor();
    await page.getByRole("button", { name: "Use 80" }).click();

    await page.getByText("Fits on this machine").waitFor();
    expect(await page.getByLabel("Width").inputValue()).toBe("80");
    await page.reload();
    expect(await page.getByLabel("Width").inputValue()).toBe("80");
  });

  it("makes a video from an example, and shows it as soon as it is there", async () => {
    const page = await open("/");

    await page.getByRole("button", { name: RED }).click();
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    const video = page.locator("video");
    await video.waitFor({ timeout: 40_000 });

    await plays(page);
    await page.getByRole("link", { name: "Open it under Outputs" }).click();
    await page.getByText("How it was made").waitFor();
    expect(await page.getByText("Seed", { exact: true }).count()).toBe(1);
  });

  it("begins a video with a frame of another, once the checkpoint can", async () => {
    const page = await open(`/outputs/${first.id}`);
    await plays(page);

    await page.getByRole("button", { name: "One frame on" }).click();
    await page.getByRole("button", { name: "Use this frame as first image" }).click();
    await page.getByText("mini takes no first image").waitFor();
    await page.getByRole("button", { name: "Use mini-ti2v" }).click();
    await page.getByText("Text and first image to video").waitFor();
    await page
      .getByRole("textbox", { name: "Prompt", exact: true })
      .fill("a yellow circle growing on a purple background");
    await page.getByRole("button", { name: "Generate", exact: true }).click();

    await page.locator("video").waitFor({ timeout: 40_000 });
    const { data } = await server.call<{
      data: { request: { image: string | null }; made_from: string | null }[];
    }>("GET", "/generations?limit=1");
    expect(data[0]?.request.image).toBeTruthy();
    expect(data[0]?.made_from).toBe(first.id);
  });

  it("chooses a checkpoint by a click anywhere on its card", async () => {
    const page = await open("/");
    await page.getByRole("button", { name: /^mini/ }).click();
    const dialog = page.getByRole("dialog", { name: "Checkpoint" });

    const card = dialog.getByRole("listitem").filter({ hasText: "Embedded miniature of TI2V-5B" });
    await card.click({ position: { x: 200, y: 75 } }); // below its words

    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^mini-ti2v/ }).waitFor();
    await page.getByLabel("Guidance", { exact: true }).waitFor();
  });

  it("makes a given video anew, with settings that were kept under a name", async () => {
    const page = await open("/");
    await page.getByLabel("Seed", { exact: true }).fill("7");
    await page.getByRole("button", { name: "Your presets" }).click();
    await page.getByLabel("Keep the present settings as").fill("mine");
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    await page.getByRole("button", { name: "Use mine" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Start over" }).click();
    await until("it is all as the checkpoint has it", async () => (await seedOf(page)) === "");

    await page.getByRole("button", { name: "Your presets" }).click();
    await page.getByRole("button", { name: "Use mine" }).click();
    await until("the settings are back", async () => (await seedOf(page)) === "7");
    await page.getByRole("textbox", { name: "Prompt", exact: true }).fill(RED);
    const place = page.getByLabel("Video to make anew: a file");
    await place.setInputFiles(await fileOf("thumbnail", "image/webp"));
    await page.getByText("A video is needed here, not a picture.").waitFor();
    await place.setInputFiles(await fileOf("video", "video/mp4"));
    await page.getByText("Text and video to video").waitFor();

    await page.getByRole("slider", { name: "Length" }).press("End");
    await page.getByText("33 frames").waitFor();
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    await page.getByText("the video has 17 frames").first().waitFor();
    await page.getByRole("button", { name: "Use 17" }).click();
    await page.getByText("17 frames").first().waitFor();
    await page.getByRole("button", { name: "Generate", exact: true }).click();

    await page.getByRole("link", { name: "Open it under Outputs" }).waitFor({ timeout: 40_000 });
    const { data } = await server.call<{ data: { request: Record<string, unknown> }[] }>(
      "GET",
      "/generations?limit=1",
    );
    expect(data[0]?.request).toMatchObject({ strength: 0.8, seed: 7, num_frames: 17 });
    expect(data[0]?.request.video).toBeTruthy();
  });

  it("shows what changes on the server as soon as it does", async () => {
    const prompt = "a white diamond moving down on a green background";
    await pause();
    const page = await open("/queue");
    await page.getByText(/Paused since/).waitFor();
    const seen = await page.evaluateHandle((prompt) => {
      const seen: Record<string, number> = {};
      const isDone = (entry: Element) =>
        entry.textContent.includes(prompt) && entry.querySelector('[aria-label="completed"]');
      const look = () => {
        const there = {
          queued: document.querySelector(`[aria-label="Move: ${prompt}"]`),
          running: document.querySelector(`[aria-label="Running: ${prompt}"]`),
          completed: [...document.querySelectorAll("li")].find(isDone),
        };
        for (const [name, element] of Object.entries(there)) if (element) seen[name] ??= Date.now();
      };
      new MutationObserver(look).observe(document, { subtree: true, childList: true });
      return seen;
    }, prompt);

    const { id } = await server.call("POST", "/generations", { prompt, steps: 2 });
    await page.getByRole("button", { name: `Move: ${prompt}` }).waitFor();
    await resume();
    const job = await server.ended(id);
    await until("it is shown", () => seen.evaluate((seen) => "completed" in seen));

    const at = await seen.jsonValue();
    const late = Object.entries({
      queued: job.created_at,
      running: job.started_at,
      completed: job.finished_at,
    }).map(([name, told]) => [name, (at[name] ?? Infinity) - Date.parse(String(told))] as const);
    // eslint-disable-next-line no-console -- how late it is, for whoever wants to know
    console.info(`on screen after ${late.map(([name, ms]) => `${ms} ms (${name})`).join(", ")}`);
    for (const [name, ms] of late) expect(ms, name).toBeLessThan(2_000);
  });

  it("shows what runs, through a reload and the death of the server", async () => {
    const asked = { prompt: RED, steps: 100, num_frames: 33 }; // as long as mini takes at most
    const { id } = await server.call("POST", "/generations", asked);
    const page = await open("/queue");
    await page.getByText(/step \d+ of 100/).waitFor();
    await page.getByText(/a step/).waitFor();

    await page.reload();
    await page.getByText(/step \d+ of 100/).waitFor();
    await server.kill();
    await page.getByText("The server cannot be reached").waitFor();
    await server.start();

    await page.getByText("The server cannot be reached").waitFor({ state: "detached" });
    await page.getByRole("article", { name: `Running: ${RED}` }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByLabel("cancelled").waitFor();
    expect((await server.ended(id)).status).toBe("cancelled");
  });

  it("steers the line: pauses, reorders by the keyboard, cancels, goes on", async () => {
    const page = await open("/queue");
    onTestFinished(clearLine);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText(/Paused since/).waitFor(); // the server has said so: nothing is started now
    const ids: string[] = [];
    for (const prompt of ["first", "second", "third"]) {
      ids.push((await server.call("POST", "/generations", { prompt })).id);
    }
    const [first, , third] = ids;
    const over = (id = "") => page.getByText(`moved over droppable area ${id}`);
    await page.getByRole("button", { name: "Move: third" }).focus();

    await page.keyboard.press("Space");
    await over(third).waitFor();
    // A key that comes while the line is measured does nothing; at the top, one more does nothing either.
    await until("it is over the first", async () => {
      await page.keyboard.press("ArrowUp");
      return over(first).isVisible();
    });
    await page.keyboard.press("Space");

    const prompts = async () => (await waiting()).map((job) => job.request.prompt).join(" ");
    await until("it is first", async () => (await prompts()) === "third first second");
    await page.getByRole("button", { name: "Cancel: first" }).click();
    await until("it is gone", async () => (await prompts()) === "third second");
    for (const job of await waiting()) await server.call("POST", `/generations/${job.id}/cancel`);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText(/Paused since/).waitFor({ state: "detached" });
    await page.getByText("Nothing runs, nothing waits").waitFor();
  });

  it("restores the settings of a video that is dropped on any screen", async () => {
    const file = await fetch(`${server.url}/api/v1/outputs/${first.id}/video`);
    const page = await open("/system");

    await dropFile(page, "mine.mp4", "video/mp4", Buffer.from(await file.arrayBuffer()));

    await page.getByText("The settings of mine.mp4 are back.").first().waitFor();
    expect(await page.getByRole("textbox", { name: "Prompt", exact: true }).inputValue()).toBe(
      STAR,
    );
    expect(await page.getByLabel("Seed", { exact: true }).inputValue()).toBe("7");
  });

  it("compares two on the same frame", async () => {
    const page = await open("/outputs");
    const choices = page.getByRole("checkbox");
    await choices.first().waitFor();
    await choices.nth(0).check();
    await choices.nth(1).check();

    await page.getByRole("button", { name: "Compare" }).click();
    const videos = page.getByRole("dialog").locator("video");
    await until("both play", async () => (await readyStates(videos)).join() === "true,true");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("slider", { name: "Frame" }).press("Home");
    await page.getByRole("button", { name: "One frame on" }).click();
    await page.getByRole("button", { name: "One frame on" }).click();

    await until("both show the third frame", async () => {
      const frames = await videos.evaluateAll((all) =>
        all.map((element) => Math.floor((element as HTMLVideoElement).currentTime * 8)),
      );
      return frames.join() === "2,2";
    });
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("finds a video by its words, deletes it, and takes that back", async () => {
    const page = await open("/outputs");
    const cards = page.getByRole("main").getByRole("article");
    await cards.first().locator("img").waitFor();
    const all = await cards.count();
    expect(all).toBeGreaterThan(1);

    await page.getByRole("searchbox", { name: "Search prompts" }).fill("yel sta");
    await until("one is left", async () => (await cards.count()) === 1);
    expect(await cards.first().getByRole("link").textContent()).toBe(STAR);
    await page.getByRole("checkbox", { name: `Choose: ${STAR}` }).check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Nothing found").waitFor();
    const gone = await fetch(`${server.url}/api/v1/outputs/${first.id}/video`);
    expect(gone.status).toBe(404);

    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("link", { name: STAR }).click();
    await plays(page);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText(/The video was deleted/).waitFor();
    await page.getByRole("button", { name: "Restore" }).click();
    await plays(page);
  });

  it("finds a video by its stars and heart, and once it is deleted, brings it back", async () => {
    const page = await open("/outputs");
    const cards = page.getByRole("main").getByRole("article");
    const onlyStar = async () =>
      (await cards.count()) === 1 && (await cards.first().getByText(STAR).count()) > 0;
    await page.getByRole("button", { name: `Favourite: ${STAR}` }).click();
    await page
      .getByRole("group", { name: `Stars: ${STAR}` })
      .getByLabel("No stars")
      .focus();
    for (let stars = 0; stars < 4; stars += 1) await page.keyboard.press("ArrowRight");
    await until("the server knows", async () => {
      const { rating, favourite } = await server.call("GET", `/outputs/${first.id}`);
      return rating === 4 && favourite === true;
    });

    await page.getByRole("button", { name: "Favourites" }).click();
    await page.getByRole("button", { name: "Stars", exact: true }).click();
    await page.getByRole("menuitemcheckbox", { name: "4 or more" }).click();
    await until("one is left", onlyStar);
    await page.reload();
    await until("one is left", onlyStar);
    expect(page.url()).toContain("?min_rating=4&favourite=true");

    await page.getByRole("checkbox", { name: `Choose: ${STAR}` }).check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Nothing found").waitFor();
    await page.getByRole("button", { name: "Clear filters" }).first().click();
    await page.getByRole("button", { name: "Deleted", exact: true }).click();
    await until("one is left", onlyStar);
    await page.getByRole("button", { name: `Restore: ${STAR}` }).click();
    await page.getByText("Nothing is deleted").waitFor();
    await page.getByRole("button", { name: "Show outputs" }).click();
    await page.getByRole("link", { name: STAR }).click();
    await plays(page);
  });

  it("keeps markup in a prompt inert", async () => {
    const evil = `<img src=x onerror="document.title='owned'"><b>bold</b>`;
    await pause();
    await server.call("POST", "/generations", { prompt: evil });
    const page = await open("/queue");

    await page.getByText(evil).waitFor();

    expect(await page.locator("main b, main img").count()).toBe(0);
    expect(await page.title()).toBe("Queue · Wan Studio");
  });

  it("works by the keyboard alone", async () => {
    await pause();
    const page = await open("/");
    await allIsThere(page, "/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
    await page.keyboard.press("Enter");
    for (let presses = 0; presses < 6; presses += 1) {
      if (await page.evaluate(() => document.activeElement instanceof HTMLTextAreaElement)) break;
      await page.keyboard.press("Tab");
    }

    await page.keyboard.type("typed by hand");
    await page.keyboard.press("Control+Enter");

    await until("it is queued", async () => (await waiting()).length === 1);
    const [job] = await waiting();
    expect(job?.request.prompt).toBe("typed by hand");
  });

  it.each(SCREENS)("fits a phone: %s", async (path) => {
    const page = await open(path, PHONE);
    await allIsThere(page, path);

    const beyond = await page.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );

    expect(beyond).toBeLessThanOrEqual(0);
  });

  it.each(["dark", "light"] as const)(
    "has no fault that axe-core knows: %s",
    async (colorScheme) => {
      const page = await open("/", { colorScheme });
      const emptied = ["/outputs?q=nobody", "/outputs?deleted=true"];
      for (const path of [...SCREENS, ...emptied, `/outputs/${first.id}`]) {
        await page.goto(path);
        await allIsThere(page, path);
        expect(await faults(page), path).toEqual([]);
      }
      await page.goto("/");
      await page.getByRole("button", { name: /^mini/ }).click();
      await page.getByRole("dialog").waitFor();
      expect(await faults(page), "the choice of a checkpoint").toEqual([]);
      await page.getByRole("button", { name: "vace-14B" }).click();
      await page.getByRole("button", { name: "Control video", exact: true }).waitFor();
      expect(await faults(page), "what a video may be made from").toEqual([]);
      await page.getByRole("button", { name: "Your presets" }).click();
      await page.getByRole("dialog").waitFor();
      expect(await faults(page), "presets").toEqual([]);
    },
  );

  // The last one: from here on, the server answers nobody without a key.
  it("asks for a key where the server wants one, keeps it, and plays videos with it", async () => {
    const key = server.newKey();
    const page = await open("/");

    const field = page.getByRole("dialog", { name: "API key" }).getByLabel("Key");
    await field.waitFor();
    expect(await field.evaluate((field) => field === document.activeElement)).toBe(true);
    await field.fill(key);
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("Fits on this machine").waitFor();

    await page.goto(`/outputs/${first.id}`);
    await plays(page);
    expect(await page.locator("video").getAttribute("src")).toMatch(/^blob:/);
    await page.getByRole("button", { name: "Preferences" }).click();
    await page.getByText("API key…").click();
    await page.getByRole("button", { name: "Forget the key" }).click();

    await page.getByRole("dialog").getByText("This server asks for an API key").waitFor();
    expect(await page.locator("video").count()).toBe(0);
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(key);
  });
});

async function plays(page: Page): Promise<void> {
  const video = page.locator("video");
  await video.waitFor();
  await until("it plays", async () => (await readyStates(video)).join() === "true");
}

/** Whether each has a frame to show. */
const readyStates = (videos: Locator) =>
  videos.evaluateAll((all) => all.map((video) => (video as HTMLVideoElement).readyState >= 2));

/** What a screen shows last, once the server has told it everything. */
const LAST: Record<string, (page: Page) => Locator> = {
  "/": (page) => page.getByText("Fits on this machine"),
  "/queue": (page) => page.getByRole("heading", { name: "Lately" }),
  "/outputs": (page) => page.getByRole("article").first().locator("img"),
  "/outputs?q=nobody": (page) => page.getByText("Nothing found"),
  "/outputs?deleted=true": (page) => page.getByText("Nothing is deleted"),
  "/system": (page) => page.getByRole("heading", { name: "Versions" }),
  "/schema": (page) => page.getByLabel("Find"),
};

async function allIsThere(page: Page, path: string): Promise<void> {
  await (LAST[path]?.(page) ?? page.locator("video")).waitFor();
  const places = page.locator('[class*="skeleton"]');
  await until("every place is filled", async () => (await places.count()) === 0);
  await page.evaluate(() => document.fonts.ready);
}

const seedOf = (page: Page) => page.getByLabel("Seed", { exact: true }).inputValue();
