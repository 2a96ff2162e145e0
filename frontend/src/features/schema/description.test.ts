import { describe, expect, it } from "vitest";
import { addressOf } from "./asking";
import { exampleOf, routesOf, type Description } from "./description";

const operation = (summary: string, tag: string) => ({
  operationId: summary,
  summary,
  tags: [tag],
  responses: {},
});

const DESCRIPTION: Description = {
  info: { title: "Wan Studio", version: "1" },
  paths: {
    "/outputs/{id}": {
      get: {
        ...operation("One video.", "Outputs"),
        parameters: [
          { name: "id", in: "path", required: true },
          { name: "q", in: "query" },
          { name: "size", in: "query" },
        ],
      },
      delete: operation("Delete a video.", "Outputs"),
    },
    "/queue": { get: operation("What waits.", "Queue") },
  },
  components: { examples: { Video: { value: { id: "gen_1" } } } },
};

describe("the description", () => {
  it("is grouped as it is ordered", () => {
    const told = routesOf(DESCRIPTION, "").map(([tag, routes]) => [tag, routes.length]);

    expect(told).toEqual([
      ["Outputs", 2],
      ["Queue", 1],
    ]);
  });

  it.each([
    ["DELETE video", ["Delete a video."]],
    ["outputs", ["One video.", "Delete a video."]],
    ["nothing of the kind", []],
  ])("is searched for all words: %s", (typed, summaries) => {
    const found = routesOf(DESCRIPTION, typed).flatMap(([, routes]) => routes);

    expect(found.map(({ summary }) => summary)).toEqual(summaries);
  });

  it("has examples by reference, or in place, or none", () => {
    const kept = { examples: { Video: { $ref: "#/components/examples/Video" } } };

    expect(exampleOf(DESCRIPTION, kept)).toBe('{\n  "id": "gen_1"\n}');
    expect(exampleOf(DESCRIPTION, { example: "text" })).toBe("text");
    expect(exampleOf(DESCRIPTION, {})).toBeNull();
  });

  it("becomes an address that stays in its path", () => {
    const [[, [route]] = ["", []]] = routesOf(DESCRIPTION, "one video");
    if (!route) throw new Error("it was not found");
    const parameters = { id: "../queue?", q: "red circle", size: "" };

    expect(addressOf(route, { parameters, body: "", file: null })).toBe(
      "/outputs/..%2Fqueue%3F?q=red+circle",
    );
  });
});
